/**
 * The shortest way of video: a copy.
 *
 * @module
 */

import { ParameterSetStore } from "../../media/bitstream/mod.ts";
import type { Packet, VideoCodec } from "../../media/types.ts";
import type { OutputPacket } from "../output/segment_output.ts";

/** Formats of pictures that can go on as they came: MPEG-TS holds them, and players know them. */
export type CopiedCodec = Extract<VideoCodec, "h264" | "hevc">;

/** Whether pictures of a format can go on as they came. */
export function canCopyVideo(codec: VideoCodec): codec is CopiedCodec {
  return codec === "h264" || codec === "hevc";
}

/** Options of a {@linkcode CopiedVideo}. */
export interface CopiedVideoOptions {
  readonly codec: CopiedCodec;
  /** Takes access units in decoding order, in 90 kHz ticks. */
  readonly emit: (packet: OutputPacket) => Promise<void>;
}

/**
 * Access units that go from demuxer to muxer as they are. Keyframes get the parameter sets that they lack:
 * each of them begins a segment, which plays alone.
 */
export class CopiedVideo {
  /** Format of the pictures. */
  readonly codec: CopiedCodec;
  readonly #emit: CopiedVideoOptions["emit"];
  readonly #sets: ParameterSetStore;
  #hasBegun = false;

  /** Creates a copy that begins with the next keyframe. */
  constructor({ codec, emit }: CopiedVideoOptions) {
    this.codec = codec;
    this.#emit = emit;
    this.#sets = new ParameterSetStore(codec);
  }

  /** Takes an access unit that does not go on: later ones may need its parameter sets. */
  note({ data }: Packet): void {
    this.#sets.note(data);
  }

  /** Whether an access unit can go on: the first has to be a keyframe. */
  takes({ keyframe }: Packet): boolean {
    return this.#hasBegun ||= keyframe;
  }

  /** Passes an access unit on; resolves once the output has room for more. */
  async write(packet: Packet): Promise<void> {
    const { codec } = this;
    const { keyframe, data } = packet;
    if (!keyframe) this.#sets.note(data);
    await this.#emit({ ...packet, codec, data: keyframe ? this.#sets.complete(data) : data });
  }
}

/**
 * The load of a bench or an end-to-end test: a live channel fed access unit by access unit in real
 * time, and a probe that notes when each output frame is complete.
 *
 * @module
 */

import { MpegTsDemuxer } from "../src/media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet, VideoStreamInfo } from "../src/media/types.ts";
import { type MediaEvent, paced, writeSegments } from "../src/source/mod.ts";
import type { SegmentSink, SegmentSource } from "../src/trickle/mod.ts";

/** A file's packets and what they are. */
export interface MediaClip {
  readonly video: VideoStreamInfo | undefined;
  readonly audio: AudioStreamInfo | undefined;
  /** In the order of the file. */
  readonly packets: readonly Packet[];
}

/** Reads all packets of an MPEG-TS file. */
export async function readClip(path: string): Promise<MediaClip> {
  const demuxer = new MpegTsDemuxer();
  const events = [...demuxer.push(await Deno.readFile(path)), ...demuxer.flush()];
  let video: VideoStreamInfo | undefined;
  let audio: AudioStreamInfo | undefined;
  const packets: Packet[] = [];
  for (const event of events) {
    if (event.kind === "streams") ({ video, audio } = event);
    else if (event.kind === "packet") packets.push(event.packet);
  }
  return { video, audio, packets };
}

/** Options of {@linkcode feedLive}. */
export interface FeedOptions {
  readonly sink: SegmentSink;
  readonly signal?: AbortSignal;
  /** Multiplies the pace; 1 is real time. @default 1 */
  readonly speed?: number;
  /** Called when the last byte of a packet is available to subscribers. */
  readonly onWritten?: (packet: Packet, atMs: number) => void;
}

/**
 * Publishes a clip in real time, one segment per keyframe, each access unit whole when its time has
 * come. Ends the last segment; the sink stays open. Resolves early when the signal aborts.
 */
export async function feedLive(clip: MediaClip, options: FeedOptions): Promise<void> {
  const { sink, signal, speed = 1, onWritten } = options;
  const media = paced(clipEvents(clip), { speed, ...(signal === undefined ? {} : { signal }) });
  const { failedSegments } = await writeSegments(media, () => sink.next(), {
    onWritten: (packet) => onWritten?.(packet, performance.now()),
  });
  if (failedSegments > 0) throw new Error(`${failedSegments} segments of the feed failed`);
}

/** A clip as what a demuxer gives, by decoding time. */
export async function* clipEvents(clip: MediaClip): AsyncGenerator<MediaEvent> {
  const { video, audio } = clip;
  yield {
    kind: "streams",
    unsupported: [],
    ...(video === undefined ? {} : { video }),
    ...(audio === undefined ? {} : { audio }),
  };
  for (const packet of [...clip.packets].sort((a, b) => a.dtsTicks - b.dtsTicks)) {
    await Promise.resolve();
    yield { kind: "packet", packet, stream: packet.kind };
  }
}

/** What an {@linkcode OutputProbe} saw of one packet. */
export interface SeenPacket {
  readonly packet: Packet;
  /** When its last byte arrived, in milliseconds of `performance.now()`. */
  readonly atMs: number;
  /** The segment that held it. */
  readonly seq: number;
}

/** Reads an output channel to its end and notes every packet, segment and byte. */
export class OutputProbe {
  /** Every packet in the order of arrival. */
  readonly seen: SeenPacket[] = [];
  /** The bytes of every segment, when asked for. */
  readonly segments: Uint8Array[] = [];
  /** When the first byte arrived. */
  firstByteMs: number | undefined;
  /** Resolves when the channel ended. */
  readonly ended: Promise<void>;
  readonly #demuxer = new MpegTsDemuxer();
  readonly #keepBytes: boolean;

  /** Starts reading. */
  constructor(source: SegmentSource, options: { keepBytes?: boolean } = {}) {
    this.#keepBytes = options.keepBytes ?? false;
    this.ended = this.#read(source);
  }

  /** The video packets seen. */
  get video(): SeenPacket[] {
    return this.seen.filter(({ packet }) => packet.kind === "video");
  }

  async #read(source: SegmentSource): Promise<void> {
    for await (const segment of source) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of segment.body) {
        const atMs = performance.now();
        this.firstByteMs ??= atMs;
        if (this.#keepBytes) chunks.push(chunk);
        for (const event of this.#demuxer.push(chunk)) {
          if (event.kind === "packet") {
            this.seen.push({ packet: event.packet, atMs, seq: segment.seq });
          }
        }
      }
      if (this.#keepBytes) {
        this.segments.push(new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()));
      }
    }
  }
}

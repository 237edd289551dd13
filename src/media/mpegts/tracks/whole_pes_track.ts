import { readAv1Unit, readJpeg2000Unit } from "../../bitstream/mod.ts";
import type { PlainVideoCodec, VideoStreamInfo } from "../../types.ts";
import { concatBytes } from "../../../base/bytes.ts";
import type { PesUnit } from "../pes/pes_assembler.ts";
import { PictureTimes, type Times } from "./picture_times.ts";
import type { DemuxCounters } from "../stats.ts";
import type { Track, TrackHost } from "./track.ts";

/** The largest access unit that is put together. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** What is known of the order of these pictures. */
const UNORDERED = { order: undefined, startsOrder: false, sequence: undefined };

interface CodedUnit {
  readonly data: Uint8Array;
  readonly keyframe: boolean;
}

/** Codecs whose PES packets hold whole access units. */
export type WholePesCodec = Extract<PlainVideoCodec, "dirac" | "av1" | "jpeg2000">;

/**
 * Access units of video codecs that MPEG-TS aligns with PES packets. A PES without time goes on with
 * the one before; a unit comes out when the next one begins.
 */
export class WholePesTrack implements Track {
  readonly #codec: WholePesCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #times: PictureTimes<CodedUnit>;
  #open: PesUnit | undefined;
  /** The stream as far as it is known here: the decoder says the size. */
  readonly info: VideoStreamInfo;
  /** Whether all is known that will be. */
  readonly known = true;

  /** Creates a track in front of a stream. */
  constructor(codec: WholePesCodec, options: { host: TrackHost; counters: DemuxCounters }) {
    this.#codec = codec;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#times = new PictureTimes({
      host: options.host,
      orderStep: 1,
      sink: {
        timed: (unit, times) => this.#deliver(unit, times),
        untimed: () => this.#counters.untimed++,
      },
    });
    const color = { matrix: "bt709", fullRange: false } as const;
    this.info = { kind: "video", codec, width: 0, height: 0, reorderDepth: 1, color };
  }

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    const open = this.#open;
    if (unit.pts === undefined && open !== undefined) {
      const payload = concatBytes([open.payload, unit.payload]);
      if (payload.length <= MAX_UNIT_BYTES) this.#open = { ...open, payload };
      return;
    }
    this.#close();
    this.#open = unit;
  }

  /** The unit that is open has lost its end. */
  lost(): void {
    if (this.#open !== undefined) this.#counters.corruptPes++;
    this.#open = undefined;
    this.#times.flush();
  }

  /** Hands on what was kept. */
  finish(): void {
    this.#close();
    this.#times.flush();
  }

  /** The unit that is open is whole. */
  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    const { payload, pts, dts } = open;
    const unit = readUnit(this.#codec, payload);
    if (unit === undefined) {
      this.#counters.corruptPes++;
      return;
    }
    const stamp = pts === undefined ? undefined : { pts, dts: dts ?? pts };
    this.#times.push({ unit, picture: UNORDERED, stamp });
  }

  #deliver({ data, keyframe }: CodedUnit, { pts, dts }: Times): void {
    this.#host.packet({ kind: "video", ptsTicks: pts, dtsTicks: dts, keyframe, data });
  }
}

/** What a decoder takes of an access unit; undefined where it is none. */
function readUnit(codec: WholePesCodec, payload: Uint8Array): CodedUnit | undefined {
  if (codec === "av1") return readAv1Unit(payload);
  // Each picture of the others stands for itself.
  const data = codec === "jpeg2000" ? readJpeg2000Unit(payload) : payload;
  return data === undefined ? undefined : { data, keyframe: true };
}

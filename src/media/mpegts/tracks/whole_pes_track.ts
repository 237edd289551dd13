import { readAv1Unit } from "../../bitstream/mod.ts";
import type { PlainVideoCodec, VideoStreamInfo } from "../../types.ts";
import { concatBytes } from "../bytes.ts";
import type { PesUnit } from "../pes/pes_assembler.ts";
import { PictureTimer } from "./picture_timer.ts";
import type { DemuxCounters } from "../stats.ts";
import type { Track, TrackHost } from "./track.ts";

/** The largest access unit that is put together. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;

/** Codecs whose PES packets hold whole access units. */
export type WholePesCodec = Extract<PlainVideoCodec, "dirac" | "av1">;

/**
 * Access units of video codecs that MPEG-TS aligns with PES packets. A PES without time goes on with
 * the one before; a unit comes out when the next one begins.
 */
export class WholePesTrack implements Track {
  readonly #codec: WholePesCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #timer: PictureTimer;
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
    this.#timer = new PictureTimer(options.host);
    const color = { matrix: "bt709", fullRange: false } as const;
    this.info = { kind: "video", codec, width: 0, height: 0, reorderDepth: 1, color };
  }

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    const open = this.#open;
    if (unit.pts === undefined && open !== undefined) {
      const payload = concatBytes(open.payload, unit.payload);
      if (payload.length <= MAX_UNIT_BYTES) this.#open = { ...open, payload };
      return;
    }
    this.finish();
    this.#open = unit;
  }

  /** The unit that is open has lost its end. */
  lost(): void {
    if (this.#open !== undefined) this.#counters.corruptPes++;
    this.#open = undefined;
  }

  /** Hands on the unit that is open. */
  finish(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#deliver(open);
  }

  #deliver({ payload, pts, dts }: PesUnit): void {
    const unit = this.#codec === "av1" ? readAv1Unit(payload) : { data: payload, keyframe: true };
    if (unit === undefined) {
      this.#counters.corruptPes++;
      return;
    }
    const untimed = { order: undefined, startsOrder: false, frameTicks: 0 };
    const times = this.#timer.next({ pts, dts, ...untimed });
    if (times === undefined) {
      this.#counters.untimed++;
      return;
    }
    this.#host.packet({
      kind: "video",
      ptsTicks: times.pts,
      dtsTicks: times.dts,
      keyframe: unit.keyframe,
      data: unit.data,
    });
  }
}

import {
  parseH264Sps,
  parseHevcSps,
  scanAccessUnits,
  type SequenceInfo,
} from "../bitstream/mod.ts";
import { MediaError } from "../../base/errors.ts";
import { MPEG_TIME_BASE, secondsToTicks } from "../../base/rational.ts";
import { sameColor } from "../color.ts";
import type { VideoCodec, VideoStreamInfo } from "../types.ts";
import { equalBytes } from "./bytes.ts";
import type { PesUnit } from "./pes_assembler.ts";
import type { DemuxCounters } from "./stats.ts";
import type { Track, TrackHost } from "./track.ts";

/** Assumed between pictures when neither the stream nor its times tell: 30 fps. */
const DEFAULT_FRAME_TICKS = 3000;

/** A parameter set's timing and a step between pictures are believed up to this: 1 s. */
const MAX_FRAME_TICKS = 90_000;

/** The most bytes kept for a picture that comes in several PES packets. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

interface Times {
  readonly pts: number;
  readonly dts: number;
}

interface HeldUnit extends Times {
  readonly pieces: Uint8Array[];
  bytes: number;
}

/**
 * Access units of H.264 or HEVC. Usually one PES holds one access unit. Several in one are told
 * apart and timed by the frame rate. A PES without time that begins no picture goes on with the one
 * before; once a stream did that, each unit waits for the next PES that has a time.
 */
export class VideoTrack implements Track {
  readonly #codec: VideoCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  #info: VideoStreamInfo;
  #sequence: SequenceInfo | undefined;
  #sps: Uint8Array | undefined;
  #last: Times | undefined;
  #stepTicks = 0;
  #joins = false;
  #held: HeldUnit | undefined;

  /** Creates a track that knows nothing of its pictures yet. */
  constructor(codec: VideoCodec, options: { host: TrackHost; counters: DemuxCounters }) {
    this.#codec = codec;
    this.#host = options.host;
    this.#counters = options.counters;
    const color = { matrix: "bt709", fullRange: false } as const;
    this.#info = { kind: "video", codec, width: 0, height: 0, reorderDepth: 0, color };
  }

  /** The stream as the latest parameter set describes it. */
  get info(): VideoStreamInfo {
    return this.#info;
  }

  /** Whether a parameter set was seen. */
  get known(): boolean {
    return this.#sequence !== undefined;
  }

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    const begins = unit.pts !== undefined ||
      scanAccessUnits(unit.payload, this.#codec, { split: false }).beginsUnit;
    if (!begins) this.#continue(unit.payload);
    else if (this.#joins) this.#hold(unit);
    else this.#deliver(unit.payload, this.#timesOf(unit));
  }

  /** What is held has lost its end. */
  lost(): void {
    if (this.#held !== undefined) this.#counters.corruptPes++;
    this.#held = undefined;
  }

  /** Hands on the unit that is held. */
  finish(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#deliver(join(held), held);
  }

  #continue(payload: Uint8Array): void {
    if (this.#held !== undefined && this.#held.bytes + payload.length <= MAX_HELD_BYTES) {
      this.#held.pieces.push(payload);
      this.#held.bytes += payload.length;
      return;
    }
    this.#joins = true;
    this.#deliver(payload, this.#last);
  }

  #hold(unit: PesUnit): void {
    this.finish();
    const times = this.#timesOf(unit);
    if (times === undefined) this.#counters.untimed++;
    else this.#held = { ...times, pieces: [unit.payload], bytes: unit.payload.length };
  }

  #timesOf(unit: PesUnit): Times | undefined {
    if (unit.pts === undefined || unit.dts === undefined) {
      return this.#last === undefined ? undefined : shift(this.#last, this.#frameTicks());
    }
    const dts = this.#host.advance("video", unit.dts);
    return { dts, pts: this.#host.near(unit.pts, dts) };
  }

  #deliver(data: Uint8Array, times: Times | undefined): void {
    if (times === undefined) {
      this.#counters.untimed++;
      return;
    }
    const scan = scanAccessUnits(data, this.#codec, {
      split: this.#sequence?.fieldPictures !== true,
    });
    if (scan.sps !== undefined) this.#readSps(scan.sps);
    const step = this.#last === undefined ? 0 : times.dts - this.#last.dts;
    if (step > 0 && step <= MAX_FRAME_TICKS) this.#stepTicks = step;
    const frameTicks = scan.units.length > 1 ? this.#frameTicks() : 0;
    scan.units.forEach((unit, index) => {
      const { pts, dts } = index === 0 ? times : shift(times, index * frameTicks);
      this.#last = { pts, dts };
      this.#host.packet({
        kind: "video",
        ptsTicks: pts,
        dtsTicks: dts,
        keyframe: unit.keyframe,
        data: data.subarray(unit.start, unit.end),
      });
    });
  }

  #readSps(sps: Uint8Array): void {
    if (this.#sps !== undefined && equalBytes(this.#sps, sps)) return;
    try {
      const sequence = this.#codec === "h264" ? parseH264Sps(sps) : parseHevcSps(sps);
      this.#sps = sps.slice();
      this.#sequence = sequence;
      this.#update(sequence);
    } catch (error) {
      // Damaged input is the sender's: counted, and the stream goes on with the set it had.
      if (!(error instanceof MediaError)) throw error;
      this.#counters.badParameterSets++;
    }
  }

  #update(sequence: SequenceInfo): void {
    const { width, height, reorderDepth, color, sampleAspect } = sequence;
    const old = this.#info;
    const same = old.width === width && old.height === height &&
      old.reorderDepth === reorderDepth && sameColor(old.color, color) &&
      old.sampleAspect?.num === sampleAspect?.num && old.sampleAspect?.den === sampleAspect?.den;
    if (same) return;
    this.#info = {
      kind: "video",
      codec: this.#codec,
      width,
      height,
      reorderDepth,
      color,
      ...(sampleAspect === undefined ? {} : { sampleAspect }),
    };
    this.#host.changed();
  }

  /** The time from one picture to the next: by the stream's own timing, or by the last step. */
  #frameTicks(): number {
    const coded = secondsToTicks(this.#sequence?.frameSeconds ?? 0, MPEG_TIME_BASE);
    if (coded > 0 && coded <= MAX_FRAME_TICKS) return coded;
    return this.#stepTicks > 0 ? this.#stepTicks : DEFAULT_FRAME_TICKS;
  }
}

function shift(times: Times, ticks: number): Times {
  return { pts: times.pts + ticks, dts: times.dts + ticks };
}

function join(held: HeldUnit): Uint8Array {
  const [first] = held.pieces;
  if (held.pieces.length === 1 && first !== undefined) return first;
  const data = new Uint8Array(held.bytes);
  let at = 0;
  for (const piece of held.pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

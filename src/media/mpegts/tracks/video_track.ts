import { type AccessUnit, AccessUnitParser, type SequenceInfo } from "../../bitstream/mod.ts";
import { MPEG_TIME_BASE, secondsToTicks } from "../../../base/rational.ts";
import type { VideoCodec, VideoStreamInfo } from "../../types.ts";
import type { PesEnd, PesStamp } from "../pes/pes_reader.ts";
import { PresentationTimes } from "./presentation_times.ts";
import type { DemuxCounters } from "../stats.ts";
import { sameVideo, type TrackHost } from "./track.ts";
import { UnitEnds } from "./unit_ends.ts";

const SLAB_BYTES = 512 * 1024;

/** Assumed between pictures when neither the stream nor its times tell: 30 fps. */
const DEFAULT_FRAME_TICKS = 3000;

/** Steps from picture to picture beyond this are jumps of the clock: 1 s. */
const MAX_FRAME_TICKS = 90_000;

/** The most pictures that wait for times to count theirs from. */
const MAX_WAITING = 64;

/** The most PES packets that one picture may come in. */
const MAX_STAMPS = 65_536;

/** Share of a frame that a picture's time may be off what its order says. */
const SAME_TIME = 0.75;

/** After so long without a random access point, decoding may start at intra pictures: 5 s. */
const RANDOM_ACCESS_TICKS = 450_000;

interface Times {
  readonly pts: number;
  readonly dts: number;
}

/** The times of a PES packet, and where its payload begins. */
interface Stamp {
  readonly at: number;
  readonly pts: number | undefined;
  readonly dts: number | undefined;
  claimed: boolean;
}

interface TimedUnit {
  readonly unit: AccessUnit;
  readonly stamp: Stamp | undefined;
  /** Whether its time was made known before its turn. */
  noted: boolean;
}

/** Options of a {@linkcode VideoTrack}. */
export interface VideoTrackOptions {
  readonly host: TrackHost;
  readonly counters: DemuxCounters;
  /** Whether the program map says that each PES packet begins with an access unit. */
  readonly aligned: boolean;
}

/**
 * Access units of H.264 or HEVC, wherever they lie in PES packets. The time of a PES packet is that of
 * the first unit that begins in it. A unit comes out when the next one begins, or at the end of its
 * PES packet where those of this stream are known to end with a unit.
 */
export class VideoTrack {
  readonly #codec: VideoCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #parser: AccessUnitParser;
  readonly #times: PresentationTimes;
  readonly #ends = new UnitEnds();
  readonly #aligned: boolean;
  #info: VideoStreamInfo;
  #sequence: SequenceInfo | undefined;
  #stamps: Stamp[] = [];
  #pes = 0;
  #pesAt = 0;
  #waiting: TimedUnit[] = [];
  #last: Times | undefined;
  #stepTicks = 0;
  /** When the last picture with an IDR or a recovery point came. */
  #randomAccessTicks: number | undefined;

  /** Creates a track that knows nothing of its pictures yet. */
  constructor(codec: VideoCodec, options: VideoTrackOptions) {
    this.#codec = codec;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#aligned = options.aligned;
    const color = { matrix: "bt709", fullRange: false } as const;
    this.#info = { kind: "video", codec, width: 0, height: 0, reorderDepth: 0, color };
    this.#parser = new AccessUnitParser(codec, {
      slabBytes: SLAB_BYTES,
      sink: {
        unit: (unit) => this.#take(unit),
        judged: (isEnd, tooEarly) => this.#judged(isEnd, tooEarly),
        badParameterSet: () => this.#counters.badParameterSets++,
        dropped: (reason, bytes) => {
          if (reason === "stray") this.#counters.strayBytes += bytes;
          else this.#counters.corruptPes++;
        },
      },
    });
    this.#times = new PresentationTimes(this.#parser.orderStep);
  }

  /** The stream as the latest parameter set describes it. */
  get info(): VideoStreamInfo {
    return this.#info;
  }

  /** Whether a parameter set was seen. */
  get known(): boolean {
    return this.#sequence !== undefined;
  }

  /** The muxer is known to put one access unit into each PES packet. */
  vouchForEnds(): void {
    this.#ends.vouchFor();
  }

  /** The next PES packet begins. */
  begin({ pts, dts, aligned }: PesStamp): void {
    this.#parser.expectNext();
    if (this.#pes === 0 && this.#aligned && aligned) this.#ends.vouchFor();
    this.#pes++;
    this.#pesAt = this.#parser.position;
    if (this.#stamps.length >= MAX_STAMPS) this.#stamps.splice(0, MAX_STAMPS >> 1);
    this.#stamps.push({ at: this.#pesAt, pts, dts, claimed: false });
  }

  /** The next bytes of its payload. */
  payload(data: Uint8Array, from: number, to: number): void {
    this.#parser.append(data, from, to);
  }

  /** The PES packet may end here, and with it an access unit. */
  end(kind: PesEnd): void {
    const marked = this.#parser.mark();
    if (marked === undefined) return;
    const { from, to, randomAccess, intra } = marked;
    const keyframe = randomAccess || intra && this.#randomAccessTicks === undefined;
    const bytes = this.#parser.position - this.#pesAt;
    const alone = from <= this.#pesAt && to >= this.#pesAt;
    if (this.#ends.note({ kind, bytes, keyframe, alone, pes: this.#pes })) this.#parser.handOn();
  }

  /** Whether the payload that came last is these bytes. */
  endsWith(data: Uint8Array, from: number, to: number): boolean {
    return this.#parser.endsWith(data, from, to);
  }

  /** What comes next does not go on with what came before: that has lost its end. */
  lost(): void {
    if (this.#parser.lost({ trusted: !this.#ends.doubtful })) this.#counters.corruptPes++;
    this.#release(true);
    this.#stamps = [];
  }

  /** The stream ends: hands on what is left. */
  finish(): void {
    this.#parser.finish();
    this.#release(true);
    this.#stamps = [];
  }

  #judged(isEnd: boolean, tooEarly: boolean): void {
    if (isEnd) return this.#ends.confirm();
    if (tooEarly) this.#counters.falseEnds++;
    this.#ends.refute(this.#pes);
  }

  #take(unit: AccessUnit): void {
    if (unit.again) return this.#takeAgain(unit);
    const stamp = this.#claim(unit);
    const entry = { unit, stamp, noted: false };
    if (stamp !== undefined && this.#waiting.length > 0) {
      const pts = this.#host.near(stamp.pts!, this.#last?.dts ?? stamp.pts!);
      const pictures = [...this.#waiting.map((other) => other.unit.picture), unit.picture];
      if (pictures.some(({ startsOrder }) => startsOrder)) {
        // Of the orders before there will be no more times.
        this.#times.bridge(pictures, pts);
        this.#release(true);
      }
      this.#note(entry, pts);
    }
    this.#waiting.push(entry);
    this.#release(this.#waiting.length > MAX_WAITING);
  }

  /** A unit that was handed on too early is whole now: only what starts anew can mend it. */
  #takeAgain(unit: AccessUnit): void {
    const waiting = this.#waiting.at(-1);
    if (waiting !== undefined) this.#waiting[this.#waiting.length - 1] = { ...waiting, unit };
    else if (unit.picture.randomAccess && this.#last !== undefined) this.#deliver(unit, this.#last);
    else this.#counters.corruptPes++;
  }

  /** The time of the PES packet that a unit begins in, if no other began there before. */
  #claim(unit: AccessUnit): Stamp | undefined {
    const stamps = this.#stamps;
    const from = unit.markedAt ?? unit.at;
    let first = 0;
    while (first + 1 < stamps.length && stamps[first + 1]!.at <= from) first++;
    if (first > 0) stamps.splice(0, first);
    for (let index = 0; index < stamps.length; index++) {
      const stamp = stamps[index]!;
      if (index > 0 && stamp.at > unit.pictureAt) return undefined;
      if (stamp.pts === undefined || stamp.claimed) continue;
      if (index > 0 && !this.#canClaim(unit, { pts: stamp.pts, end: stamps[index + 1]?.at })) {
        return undefined;
      }
      stamp.claimed = true;
      return stamp;
    }
    return undefined;
  }

  /**
   * Whether the time of a PES packet can be that of a unit which its parameter sets or SEI let begin
   * before: no other unit begins there, or it is about what the order says.
   */
  #canClaim(unit: AccessUnit, pes: { pts: number; end: number | undefined }): boolean {
    const predicted = this.#times.predict(unit.picture);
    const { frameTicks } = this.#times;
    if (predicted === undefined || frameTicks === 0) {
      const fills = unit.at + unit.data.length >= (pes.end ?? this.#parser.position);
      return fills || unit.markedAt === undefined;
    }
    const off = Math.abs(this.#host.near(pes.pts, predicted) - predicted);
    return off < SAME_TIME * frameTicks || off > MAX_FRAME_TICKS;
  }

  /** Delivers the units whose times are known; all of them with `force`. */
  #release(force: boolean): void {
    for (;;) {
      const [entry] = this.#waiting;
      if (entry === undefined) return;
      const times = this.#timesOf(entry, force);
      if (times === undefined && !force) return;
      this.#waiting.shift();
      if (times === undefined) this.#counters.untimed++;
      else this.#deliver(entry.unit, times);
    }
  }

  #timesOf(entry: TimedUnit, force: boolean): Times | undefined {
    const { unit: { picture }, stamp } = entry;
    const last = this.#last;
    if (stamp !== undefined) {
      const dts = this.#host.advance("video", stamp.dts!);
      const pts = this.#host.near(stamp.pts!, dts);
      if (!entry.noted) this.#note(entry, pts);
      return { pts, dts };
    }
    const step = this.#times.frameTicks || this.#stepTicks || DEFAULT_FRAME_TICKS;
    const pts = this.#times.predict(picture) ??
      (force && last !== undefined ? last.pts + step : undefined);
    if (pts === undefined) return undefined;
    this.#times.assume(picture, pts);
    if (last === undefined) return { pts, dts: pts };
    return { pts, dts: Math.max(last.dts, Math.min(pts, Math.round(last.dts + step))) };
  }

  #note(entry: TimedUnit, pts: number): void {
    entry.noted = true;
    this.#useSequence(entry.unit.picture.sequence);
    this.#times.note(entry.unit.picture, pts);
  }

  #deliver(unit: AccessUnit, times: Times): void {
    const { pts, dts } = times;
    const step = this.#last === undefined ? 0 : dts - this.#last.dts;
    if (step > 0 && step <= MAX_FRAME_TICKS) this.#stepTicks = step;
    this.#last = times;
    this.#useSequence(unit.picture.sequence);
    const { data } = unit;
    const keyframe = this.#canStartAt(unit, dts);
    this.#host.packet({ kind: "video", ptsTicks: pts, dtsTicks: dts, keyframe, data });
  }

  /**
   * Whether decoding can start at a picture. Streams that were joined or made without IDR pictures and
   * recovery points start at intra pictures, as they do in ffmpeg.
   */
  #canStartAt({ picture, recoveryPoint, intra }: AccessUnit, dts: number): boolean {
    const before = this.#randomAccessTicks;
    if (picture.randomAccess || recoveryPoint) {
      this.#randomAccessTicks = dts;
      return true;
    }
    const isOverdue = before === undefined || Math.abs(dts - before) > RANDOM_ACCESS_TICKS;
    return intra && isOverdue;
  }

  #useSequence(sequence: SequenceInfo | undefined): void {
    if (sequence === undefined || sequence === this.#sequence) return;
    this.#sequence = sequence;
    this.#times.codedFrameTicks = secondsToTicks(sequence.frameSeconds, MPEG_TIME_BASE);
    const { width, height, reorderDepth, color, sampleAspect } = sequence;
    const info: VideoStreamInfo = {
      kind: "video",
      codec: this.#codec,
      width,
      height,
      reorderDepth,
      color,
      ...(sampleAspect === undefined ? {} : { sampleAspect }),
    };
    if (sameVideo(info, this.#info)) return;
    this.#info = info;
    this.#host.changed();
  }
}

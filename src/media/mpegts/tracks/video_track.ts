import { TICKS_PER_SECOND } from "../../../base/rational.ts";
import {
  type AccessUnit,
  AccessUnitParser,
  isPlainVideo,
  type SequenceInfo,
  type StartCodeCodec,
} from "../../bitstream/mod.ts";
import type { VideoStreamInfo } from "../../types.ts";
import type { PesEnd, PesStamp } from "../pes/pes_reader.ts";
import { PesStamps } from "./pes_stamps.ts";
import { PictureTimes, type Times } from "./picture_times.ts";
import type { DemuxCounters } from "../stats.ts";
import { sameVideo, type TrackHost } from "./track.ts";
import { UnitEnds } from "./unit_ends.ts";

const SLAB_BYTES = 512 * 1024;

/** After so long without a random access point, decoding may start at intra pictures: 5 s. */
const RANDOM_ACCESS_TICKS = 5 * TICKS_PER_SECOND;

/** Options of a {@linkcode VideoTrack}. */
export interface VideoTrackOptions {
  readonly host: TrackHost;
  readonly counters: DemuxCounters;
  /** Whether the program map says that each PES packet begins with an access unit. */
  readonly aligned: boolean;
}

/**
 * Access units of a codec with start codes, wherever they lie in PES packets. The time of a PES packet
 * is that of the first unit that begins in it. A unit comes out when the next one begins, or at the end
 * of its PES packet where those of this stream are known to end with a unit.
 */
export class VideoTrack {
  readonly #codec: StartCodeCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #parser: AccessUnitParser;
  readonly #times: PictureTimes<AccessUnit>;
  readonly #stamps = new PesStamps();
  readonly #ends = new UnitEnds();
  readonly #aligned: boolean;
  #info: VideoStreamInfo;
  #sequence: SequenceInfo | undefined;
  #pes = 0;
  #pesAt = 0;
  /** When the last picture with an IDR or a recovery point came. */
  #randomAccessTicks: number | undefined;

  /** Creates a track that knows nothing of its pictures yet. */
  constructor(codec: StartCodeCodec, options: VideoTrackOptions) {
    this.#codec = codec;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#aligned = options.aligned;
    this.#info = undescribed(codec);
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
    this.#times = new PictureTimes({
      host: options.host,
      orderStep: this.#parser.orderStep,
      sink: {
        timed: (unit, times) => this.#deliver(unit, times),
        untimed: () => this.#counters.untimed++,
      },
    });
  }

  /** The stream as the latest parameter set describes it. */
  get info(): VideoStreamInfo {
    return this.#info;
  }

  /** Whether a parameter set was seen, where there are some that describe the stream. */
  get known(): boolean {
    return this.#sequence !== undefined || isPlainVideo(this.#codec);
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
    this.#stamps.begin({ at: this.#pesAt, pts, dts });
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
    // Parameter sets may come in the PES packet before.
    const alone = from <= this.#pesAt && to >= this.#pesAt && this.#parser.startsAt(this.#pesAt);
    if (this.#ends.note({ kind, bytes, keyframe, alone, pes: this.#pes })) this.#parser.handOn();
  }

  /** Whether the payload that came last is these bytes. */
  endsWith(data: Uint8Array, from: number, to: number): boolean {
    return this.#parser.endsWith(data, from, to);
  }

  /** What comes next does not go on with what came before: that has lost its end. */
  lost(): void {
    if (this.#parser.lost({ trusted: !this.#ends.doubtful })) this.#counters.corruptPes++;
    this.#times.flush();
    this.#stamps.clear();
  }

  /** The stream ends: hands on what is left. */
  finish(): void {
    this.#parser.finish();
    this.#times.flush();
    this.#stamps.clear();
  }

  #judged(isEnd: boolean, tooEarly: boolean): void {
    if (isEnd) return this.#ends.confirm();
    if (tooEarly) this.#counters.falseEnds++;
    this.#ends.refute(this.#pes);
  }

  #take(unit: AccessUnit): void {
    if (unit.again) return this.#takeAgain(unit);
    const { picture, pictureAt, markedAt, seiAt = pictureAt, at, data } = unit;
    // PES packets may begin behind the parameter sets or SEI that let a unit begin before.
    const place = { from: markedAt ?? at, earliest: at, pictureAt };
    const stamp = this.#stamps.claim(place, ({ at: from, pts }, { end, isBefore }) => {
      const agrees = this.#times.agrees(picture, pts);
      // A PES packet that begins within SEI begins behind the unit that the SEI is of.
      if (isBefore || from > seiAt && from < pictureAt) return agrees === true;
      const fills = at + data.length >= (end ?? this.#parser.position);
      return agrees ?? (fills || markedAt === undefined);
    });
    this.#times.push({ unit, picture, stamp });
  }

  /** A unit that was handed on too early is whole now: only what starts anew can mend it. */
  #takeAgain(unit: AccessUnit): void {
    const isWaiting = this.#times.isWaiting;
    const times = this.#times.mend(unit);
    if (isWaiting) return;
    if (times !== undefined && unit.picture.randomAccess) this.#deliver(unit, times);
    else this.#counters.corruptPes++;
  }

  #deliver(unit: AccessUnit, { pts, dts }: Times): void {
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

/** What is known of a stream before its parameter sets: they say that H.264 and HEVC reorder. */
function undescribed(codec: StartCodeCodec): VideoStreamInfo {
  const isNew = codec === "h264" || codec === "hevc";
  return {
    kind: "video",
    codec,
    width: 0,
    height: 0,
    reorderDepth: isNew ? 0 : 1,
    color: { matrix: isNew ? "bt709" : "bt601", fullRange: false },
  };
}

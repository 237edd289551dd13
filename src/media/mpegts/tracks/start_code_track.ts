import { MediaError } from "../../../base/errors.ts";
import {
  MPEG2_CODE,
  type Mpeg2Sequence,
  parseMpeg2Picture,
  parseMpeg2Sequence,
} from "../../bitstream/mod.ts";
import type { PlainVideoCodec, VideoStreamInfo } from "../../types.ts";
import type { PesUnit } from "../pes/pes_assembler.ts";
import { PictureTimer } from "./picture_timer.ts";
import type { DemuxCounters } from "../stats.ts";
import { sameVideo, type Track, type TrackHost } from "./track.ts";
import {
  type SplitUnit,
  type StartCodeRole,
  type UnitRules,
  UnitSplitter,
} from "./unit_splitter.ts";

const TICKS_PER_SECOND = 90_000;

/** Codecs whose access units are told apart by start codes, other than H.264 and HEVC. */
export type StartCodeCodec = "mpeg2video" | Extract<PlainVideoCodec, "mpeg4" | "vc1" | "cavs">;

interface CodecRules extends UnitRules {
  /** The start codes in front of a picture that decoding can start at. */
  readonly keyCodes: readonly number[];
}

/**
 * ISO/IEC 13818-2 Table 6-1; ISO/IEC 14496-2 Table 6-3; SMPTE 421M annex E.5; GB/T 20090.2 Table 12.
 */
const RULES: Readonly<Record<StartCodeCodec, CodecRules>> = {
  mpeg2video: {
    keyCodes: [MPEG2_CODE.SEQUENCE],
    role: byCodes([MPEG2_CODE.SEQUENCE, MPEG2_CODE.GROUP], [MPEG2_CODE.PICTURE]),
    isField: (picture) => parseMpeg2Picture(picture)?.isField === true,
  },
  mpeg4: {
    keyCodes: range(0x20, 0x2F),
    role: byCodes([...range(0x00, 0x2F), 0xB0, 0xB3, 0xB5], [0xB6]),
  },
  vc1: { keyCodes: [0x0F], role: byCodes([0x0F, 0x0E], [0x0D]) },
  cavs: { keyCodes: [0xB0], role: byCodes([0xB0], [0xB3, 0xB6]) },
};

function byCodes(heads: readonly number[], pictures: readonly number[]) {
  return (code: number): StartCodeRole =>
    pictures.includes(code) ? "picture" : heads.includes(code) ? "head" : "rest";
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/**
 * Access units of the video codecs before H.264, wherever PES packets begin. Of MPEG-2 video the
 * sequence header says the size and what is missing of the times; of the others only the units are
 * found. A picture comes out when the next one begins.
 */
export class StartCodeTrack implements Track {
  readonly #codec: StartCodeCodec;
  readonly #host: TrackHost;
  readonly #counters: DemuxCounters;
  readonly #splitter: UnitSplitter;
  readonly #timer: PictureTimer;
  #info: VideoStreamInfo;
  #sequence: Mpeg2Sequence | undefined;

  /** Creates a track that knows nothing of its pictures yet. */
  constructor(codec: StartCodeCodec, options: { host: TrackHost; counters: DemuxCounters }) {
    this.#codec = codec;
    this.#host = options.host;
    this.#counters = options.counters;
    this.#splitter = new UnitSplitter(RULES[codec], (unit) => this.#unit(unit));
    this.#timer = new PictureTimer(options.host);
    const color = { matrix: "bt601", fullRange: false } as const;
    this.#info = { kind: "video", codec, width: 0, height: 0, reorderDepth: 1, color };
  }

  /** The stream as the latest sequence header describes it. */
  get info(): VideoStreamInfo {
    return this.#info;
  }

  /** Whether all is known that will be. */
  get known(): boolean {
    return this.#codec !== "mpeg2video" || this.#sequence !== undefined;
  }

  /** Takes the next PES packet. */
  pes(unit: PesUnit): void {
    this.#counters.strayBytes += this.#splitter.push(unit);
  }

  /** The unit that is open has lost a part: what comes next begins anew. */
  lost(): void {
    if (this.#splitter.reset() > 0) this.#counters.corruptPes++;
  }

  /** Hands on the last unit. */
  finish(): void {
    this.#splitter.finish();
  }

  #unit({ data, pictureAt, pts, dts }: SplitUnit): void {
    const head = data.subarray(0, pictureAt);
    const codes = startCodes(head);
    const keyframe = RULES[this.#codec].keyCodes.some((code) => codes.has(code));
    const sequenceAt = this.#codec === "mpeg2video" ? codes.get(MPEG2_CODE.SEQUENCE) : undefined;
    if (sequenceAt !== undefined) this.#readSequence(data.subarray(sequenceAt));
    const picture = this.#codec === "mpeg2video"
      ? parseMpeg2Picture(data.subarray(pictureAt))
      : undefined;
    const times = this.#timer.next({
      pts,
      dts,
      order: picture?.temporalReference,
      startsOrder: this.#codec === "mpeg2video" && codes.has(MPEG2_CODE.GROUP),
      frameTicks: (this.#sequence?.frameSeconds ?? 0) * TICKS_PER_SECOND,
    });
    if (times === undefined) {
      this.#counters.untimed++;
      return;
    }
    this.#host.packet({
      kind: "video",
      ptsTicks: times.pts,
      dtsTicks: times.dts,
      keyframe,
      data,
    });
  }

  #readSequence(data: Uint8Array): void {
    try {
      const sequence = parseMpeg2Sequence(data);
      this.#sequence = sequence;
      this.#update(sequence);
    } catch (error) {
      // Damaged input is the sender's: counted, and the stream goes on with the header it had.
      if (!(error instanceof MediaError)) throw error;
      this.#counters.badParameterSets++;
    }
  }

  #update({ width, height, lowDelay, color, sampleAspect }: Mpeg2Sequence): void {
    const info: VideoStreamInfo = {
      kind: "video",
      codec: this.#codec,
      width,
      height,
      reorderDepth: lowDelay ? 0 : 1,
      color,
      ...(sampleAspect === undefined ? {} : { sampleAspect }),
    };
    if (sameVideo(info, this.#info)) return;
    this.#info = info;
    this.#host.changed();
  }
}

/** Where each start code is first. */
function startCodes(data: Uint8Array): Map<number, number> {
  const found = new Map<number, number>();
  for (let one = data.indexOf(1, 2); one >= 0; one = data.indexOf(1, one + 1)) {
    if (data[one - 1] !== 0 || data[one - 2] !== 0 || one + 1 >= data.length) continue;
    const code = data[one + 1]!;
    if (!found.has(code)) found.set(code, one - 2);
  }
  return found;
}

/**
 * The parameter sets of an H.264 or HEVC stream, kept so that any of its keyframes can begin a stream.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.2.1 and 7.3.2.2, 7.4.1.2.1 (a set is replaced by one of its number);
 * ISO/IEC 23008-2 sections 7.3.2.1 to 7.3.2.3.
 */

import { concatBytes, sameBytes } from "../../base/bytes.ts";
import { MediaError } from "../../base/errors.ts";
import { SliceReader } from "./access_units/slice_reader.ts";
import { findNalUnit, nalUnitEnd, startCodeOffset } from "./annexb.ts";
import { H264_NAL } from "./h264.ts";
import { HEVC_NAL, parseHevcSps } from "./hevc.ts";

const START_CODE = Uint8Array.of(0, 0, 0, 1);
/** More than a stream can have in use: beyond this the oldest go. */
const MAX_SETS = 512;

/** In the order in which they refer to each other. */
const KINDS = ["video", "sequence", "picture"] as const;

/** What a NAL unit is as a parameter set. */
interface SetName {
  readonly kind: typeof KINDS[number];
  readonly id: number;
  /** The sequence parameter set that a picture parameter set refers to. */
  readonly sequenceId?: number;
}

interface KeptSet extends SetName {
  readonly nal: Uint8Array;
}

/** What lies in front of the first slice of an access unit. */
interface Head {
  readonly sets: readonly KeptSet[];
  /** Where what follows the access unit delimiter begins. */
  readonly bodyAt: number;
}

/**
 * Keeps the latest parameter set of each number. Streams may send theirs once, or apart from keyframes; what
 * begins at a keyframe needs all of them.
 */
export class ParameterSetStore {
  readonly #codec: "h264" | "hevc";
  readonly #bits = new SliceReader();
  readonly #sets = new Map<string, KeptSet>();

  /** Creates an empty store. */
  constructor(codec: "h264" | "hevc") {
    this.#codec = codec;
  }

  /** Takes the parameter sets of an access unit, an Annex B byte stream. */
  note(unit: Uint8Array): void {
    this.#keep(this.#headOf(unit));
  }

  /**
   * The access unit with all parameter sets that were noted, its own included, in front of its picture.
   * One that has them comes back as it is.
   */
  complete(unit: Uint8Array): Uint8Array {
    const head = this.#headOf(unit);
    this.#keep(head);
    const own = new Set(head.sets.map(keyOf));
    if ([...this.#sets.keys()].every((key) => own.has(key))) return unit;
    const sets = KINDS.flatMap((kind) =>
      [...this.#sets.values()].filter((set) => set.kind === kind)
    );
    return concatBytes([
      unit.subarray(0, head.bodyAt),
      ...sets.flatMap(({ nal }) => [START_CODE, nal]),
      unit.subarray(head.bodyAt),
    ]);
  }

  #keep({ sets }: Head): void {
    for (const set of sets) {
      const key = keyOf(set);
      const before = this.#sets.get(key);
      if (before !== undefined && sameBytes(before.nal, set.nal)) continue;
      // Those that refer to the sequence parameter set before are not meant for this one.
      if (set.kind === "sequence") this.#forgetPictureSets(set.id);
      this.#sets.delete(key);
      this.#sets.set(key, { ...set, nal: set.nal.slice() });
      const [oldest] = this.#sets.keys();
      if (this.#sets.size > MAX_SETS) this.#sets.delete(oldest!);
    }
  }

  #forgetPictureSets(sequenceId: number): void {
    for (const [key, set] of this.#sets) {
      if (set.kind === "picture" && set.sequenceId === sequenceId) this.#sets.delete(key);
    }
  }

  #headOf(unit: Uint8Array): Head {
    const sets: KeptSet[] = [];
    let bodyAt = 0;
    let isFirst = true;
    for (let at = findNalUnit(unit, 0); at >= 0;) {
      const type = this.#typeOf(unit[at]!);
      if (this.#isSlice(type)) break;
      const next = findNalUnit(unit, at);
      if (isFirst && this.#isDelimiter(type) && next >= 0) {
        bodyAt = startCodeOffset(unit, next, at);
      }
      isFirst = false;
      const nal = unit.subarray(at, nalUnitEnd(unit, at));
      const name = this.#nameOf(type, nal);
      if (name !== undefined) sets.push({ ...name, nal });
      at = next;
    }
    return { sets, bodyAt };
  }

  #typeOf(header: number): number {
    return this.#codec === "h264" ? header & 0x1F : header >> 1 & 0x3F;
  }

  #isSlice(type: number): boolean {
    if (this.#codec === "hevc") return type <= HEVC_NAL.LAST_VCL;
    return type >= H264_NAL.SLICE && type <= H264_NAL.IDR;
  }

  #isDelimiter(type: number): boolean {
    return type === (this.#codec === "h264" ? H264_NAL.AUD : HEVC_NAL.AUD);
  }

  #nameOf(type: number, nal: Uint8Array): SetName | undefined {
    return this.#codec === "h264" ? this.#nameH264(type, nal) : this.#nameHevc(type, nal);
  }

  #nameH264(type: number, nal: Uint8Array): SetName | undefined {
    if (type !== H264_NAL.SPS && type !== H264_NAL.PPS) return undefined;
    const bits = this.#bits;
    bits.reset(nal, 1, nal.length);
    if (type === H264_NAL.PPS) {
      const [id, sequenceId] = [bits.ue(), bits.ue()];
      return bits.overrun ? undefined : { kind: "picture", id, sequenceId };
    }
    bits.bits(24); // profile_idc, constraint flags, level_idc
    const id = bits.ue();
    return bits.overrun ? undefined : { kind: "sequence", id };
  }

  #nameHevc(type: number, nal: Uint8Array): SetName | undefined {
    const bits = this.#bits;
    bits.reset(nal, 2, nal.length);
    switch (type) {
      case HEVC_NAL.VPS:
        return { kind: "video", id: bits.bits(4) };
      case HEVC_NAL.SPS:
        return hevcSequence(nal);
      case HEVC_NAL.PPS: {
        const [id, sequenceId] = [bits.ue(), bits.ue()];
        return bits.overrun ? undefined : { kind: "picture", id, sequenceId };
      }
      default:
        return undefined;
    }
  }
}

/** Its number stands behind fields of any length. */
function hevcSequence(nal: Uint8Array): SetName | undefined {
  try {
    return { kind: "sequence", id: parseHevcSps(nal).id };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return undefined; // damaged: the set before is the better one
  }
}

function keyOf({ kind, id }: SetName): string {
  return `${kind} ${id}`;
}

/**
 * Pictures of H.264: where they begin, and their order.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.2.2 (picture parameter set), 7.3.3 (slice header), 7.4.1.2.4
 * (first slice of a picture) and 8.2.1 (picture order count).
 */

import { MediaError } from "../../base/errors.ts";
import { sameBytes } from "./annexb.ts";
import { H264_NAL, type H264Sps, hasRecoveryPoint, parseH264Sps } from "./h264.ts";
import { H264Order } from "./h264_order.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";
import { SliceReader } from "./slice_reader.ts";

const FIRST_PREFIX = 14;
const LAST_PREFIX = 18;
const DATA_PARTITION_A = 2;
const END_OF_SEQUENCE = 10;
const END_OF_STREAM = 11;
const SLICE_TYPE_I = 2;
const SLICE_TYPE_SI = 4;

/** Slices of one picture whose headers are read; a picture of 4,096 lines may have as many rows. */
const MAX_READ_SLICES = 8192;

interface PictureParameters {
  readonly spsId: number;
  readonly bottomFieldPicOrder: boolean;
  readonly redundantPicCntPresent: boolean;
}

/** The fields of a slice header that tell pictures apart. */
export interface H264SliceHead {
  idr: boolean;
  refIdc: number;
  firstMb: number;
  sliceType: number;
  ppsId: number;
  frameNum: number;
  field: boolean;
  bottom: boolean;
  idrPicId: number;
  lsb: number;
  deltaBottom: number;
  delta0: number;
  delta1: number;
  redundant: number;
  /** The sequence that it belongs to; undefined when only the fields up to `ppsId` could be read. */
  sps: H264Sps | undefined;
}

/** Reads H.264. */
export class H264PictureReader implements PictureReader {
  readonly orderStep = 2;
  readonly headerBytes = 1;
  readonly #bits = new SliceReader();
  readonly #sps = new Map<number, { raw: Uint8Array; parsed: H264Sps }>();
  readonly #pps = new Map<number, PictureParameters>();
  readonly #order = new H264Order();
  #latest: H264Sps | undefined;
  /** The slice read last, and the one before it. */
  #head = emptyHead();
  #last = emptyHead();
  readonly #trial = emptyHead();
  #slices = 0;
  #openField = false;
  #picture: CodedPicture | undefined;

  /** Whether the slice read last begins with the first macroblock. */
  get startsPicture(): boolean {
    return this.#head.firstMb === 0;
  }

  /** Whether the slice read last is intra coded. */
  get intraSlice(): boolean {
    return isIntra(this.#head);
  }

  /** What the NAL unit at `nal` is. */
  kind(data: Uint8Array, nal: number, _end: number): NalKind {
    const type = data[nal]! & 0x1F;
    switch (type) {
      case H264_NAL.SLICE:
      case DATA_PARTITION_A:
      case H264_NAL.IDR:
        return "slice";
      case H264_NAL.SEI:
        return "sei";
      case H264_NAL.SPS:
      case H264_NAL.PPS:
        return "parameter-set";
      case H264_NAL.AUD:
        return "delimiter";
      case END_OF_SEQUENCE:
      case END_OF_STREAM:
        return "end";
      default:
        return type >= FIRST_PREFIX && type <= LAST_PREFIX ? "prefix" : "other";
    }
  }

  /** Whether the head of a slice can be read. */
  canRead(data: Uint8Array, nal: number, end: number): boolean {
    this.#read(this.#trial, data, { nal, end });
    return !this.#bits.overrun;
  }

  /** Reads the head of a slice. */
  slice(data: Uint8Array, nal: number, end: number): SliceRelation {
    if (this.#slices > MAX_READ_SLICES && data[nal + 1]! < 0x80) return "same-picture";
    [this.#head, this.#last] = [this.#last, this.#head];
    const head = this.#head;
    this.#read(head, data, { nal, end });
    const relation = this.#relate(head, this.#last);
    if (relation === "same-picture") {
      this.#slices++;
      return relation;
    }
    this.#slices = 1;
    this.#openField = relation === "new-picture" && head.field;
    if (relation === "second-field") {
      if (head.sps !== undefined) this.#order.secondField(head, head.sps);
      return relation;
    }
    const order = head.sps === undefined ? undefined : this.#order.next(head, head.sps);
    this.#picture = {
      randomAccess: head.idr,
      intra: isIntra(head),
      field: head.field,
      order,
      startsOrder: head.idr,
      sequence: head.sps ?? this.#latest,
    };
    return relation;
  }

  /** The picture that began last. */
  picture(): CodedPicture {
    return this.#picture!;
  }

  /** Takes a sequence or picture parameter set. */
  parameterSet(nal: Uint8Array): boolean {
    return (nal[0]! & 0x1F) === H264_NAL.SPS ? this.#readSps(nal) : this.#readPps(nal);
  }

  /** Whether an SEI unit holds a recovery point. */
  recoveryPoint(nal: Uint8Array): boolean {
    return hasRecoveryPoint(nal);
  }

  /** Slices that follow do not go on with the picture before. */
  reset(): void {
    this.#slices = 0;
    this.#openField = false;
  }

  #readSps(nal: Uint8Array): boolean {
    for (const { raw, parsed } of this.#sps.values()) {
      if (!sameBytes(raw, nal)) continue;
      this.#latest = parsed;
      return true;
    }
    try {
      const parsed = parseH264Sps(nal);
      this.#sps.set(parsed.id & 31, { raw: nal.slice(), parsed });
      this.#latest = parsed;
      return true;
    } catch (error) {
      // Damaged input is the sender's: the stream goes on with the set it had.
      if (!(error instanceof MediaError)) throw error;
      return false;
    }
  }

  #readPps(nal: Uint8Array): boolean {
    const bits = this.#bits;
    bits.reset(nal, 1, nal.length);
    const id = bits.ue();
    const spsId = bits.ue();
    bits.bit(); // entropy_coding_mode_flag
    const bottomFieldPicOrder = bits.flag();
    if (bits.overrun || id > 255 || spsId > 31) return false;
    const hasGroups = bits.ue() > 0; // num_slice_groups_minus1
    bits.ue(); // num_ref_idx_l0_default_active_minus1
    bits.ue();
    bits.bits(3); // weighted_pred_flag, weighted_bipred_idc
    bits.se(); // pic_init_qp_minus26
    bits.se();
    bits.se();
    bits.bits(2); // deblocking_filter_control_present_flag, constrained_intra_pred_flag
    // Slice groups would come first; no decoder in use reads them.
    const redundantPicCntPresent = !hasGroups && bits.flag();
    this.#pps.set(id, { spsId, bottomFieldPicOrder, redundantPicCntPresent });
    return true;
  }

  #read(head: H264SliceHead, data: Uint8Array, place: { nal: number; end: number }): void {
    const bits = this.#bits;
    const header = data[place.nal]!;
    bits.reset(data, place.nal + 1, place.end);
    head.idr = (header & 0x1F) === H264_NAL.IDR;
    head.refIdc = header >> 5 & 3;
    head.firstMb = bits.ue();
    head.sliceType = bits.ue() % 5;
    head.ppsId = bits.ue();
    const pps = this.#pps.get(head.ppsId);
    const sps = pps === undefined ? undefined : this.#sps.get(pps.spsId)?.parsed;
    head.sps = undefined;
    head.field = head.bottom = false;
    head.redundant = 0;
    if (pps === undefined || sps === undefined) return;
    const { type, log2MaxLsb, deltaAlwaysZero } = sps.pictureOrder;
    if (sps.separateColourPlane) bits.bits(2);
    head.frameNum = bits.bits(sps.log2MaxFrameNum);
    head.field = !sps.frameMbsOnly && bits.flag();
    head.bottom = head.field && bits.flag();
    head.idrPicId = head.idr ? bits.ue() : -1;
    const both = pps.bottomFieldPicOrder && !head.field;
    head.lsb = type === 0 ? bits.bits(log2MaxLsb) : 0;
    head.deltaBottom = type === 0 && both ? bits.se() : 0;
    head.delta0 = type === 1 && !deltaAlwaysZero ? bits.se() : 0;
    head.delta1 = type === 1 && !deltaAlwaysZero && both ? bits.se() : 0;
    head.redundant = pps.redundantPicCntPresent ? bits.ue() : 0;
    if (!bits.overrun) head.sps = sps;
  }

  #relate(head: H264SliceHead, last: H264SliceHead): SliceRelation {
    if (this.#slices === 0) return "new-picture";
    if (head.redundant > 0) return "same-picture";
    const known = head.sps !== undefined && last.sps !== undefined;
    // The second rule is ffmpeg's: senders exist whose pictures differ in nothing else.
    const begins = known && differ(head, last) || head.firstMb <= last.firstMb;
    if (!begins) return "same-picture";
    const completes = known && this.#openField && head.field && head.bottom !== last.bottom &&
      head.frameNum === last.frameNum && !(head.idr && !last.idr);
    return completes ? "second-field" : "new-picture";
  }
}

/** The conditions of section 7.4.1.2.4. */
function differ(a: H264SliceHead, b: H264SliceHead): boolean {
  return a.frameNum !== b.frameNum || a.ppsId !== b.ppsId && a.sps !== b.sps ||
    a.field !== b.field || a.bottom !== b.bottom ||
    a.refIdc !== b.refIdc && (a.refIdc === 0 || b.refIdc === 0) ||
    a.idr !== b.idr || a.idrPicId !== b.idrPicId || a.lsb !== b.lsb ||
    a.deltaBottom !== b.deltaBottom || a.delta0 !== b.delta0 || a.delta1 !== b.delta1;
}

function isIntra(head: H264SliceHead): boolean {
  return head.sliceType === SLICE_TYPE_I || head.sliceType === SLICE_TYPE_SI;
}

function emptyHead(): H264SliceHead {
  return {
    idr: false,
    refIdc: 0,
    firstMb: 0,
    sliceType: 0,
    ppsId: 0,
    frameNum: 0,
    field: false,
    bottom: false,
    idrPicId: -1,
    lsb: 0,
    deltaBottom: 0,
    delta0: 0,
    delta1: 0,
    redundant: 0,
    sps: undefined,
  };
}

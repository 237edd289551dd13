/**
 * Pictures of HEVC: where they begin, and their order.
 *
 * Spec: ISO/IEC 23008-2 sections 7.3.2.3 (picture parameter set), 7.3.6.1 (slice segment header),
 * 7.4.2.4.4 (order of NAL units) and 8.3.1 (picture order count).
 */

import { withoutTrailingZeros } from "../video/annexb.ts";
import { nearestMsb } from "./h264/h264_order.ts";
import { HEVC_NAL, type HevcSps, parseHevcSps } from "../video/hevc.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";
import { SequenceSets } from "./sequence_sets.ts";
import { SliceReader } from "./slice_reader.ts";

const FIRST_LEADING = 6;
const LAST_LEADING = 9;
const LAST_SUBLAYER = 15;
const END_OF_SEQUENCE = 36;
const END_OF_BITSTREAM = 37;
const SLICE_TYPE_I = 2;

interface PictureParameters {
  readonly spsId: number;
  readonly outputFlagPresent: boolean;
  readonly extraSliceHeaderBits: number;
}

/** The fields of a first slice segment's header that are needed. */
interface SegmentHead {
  readonly type: number;
  readonly isIrap: boolean;
  readonly intra: boolean;
  readonly lsb: number;
  readonly sps: HevcSps | undefined;
}

/** Reads HEVC: its base layer. */
export class HevcPictureReader implements PictureReader {
  readonly orderStep = 1;
  readonly hasZeroByte = true;
  readonly headerBytes = 2;
  readonly #bits = new SliceReader();
  readonly #sps = new SequenceSets(parseHevcSps, 16);
  readonly #pps = new Map<number, PictureParameters>();
  #intra = false;
  #first = false;
  #prevMsb = 0;
  #prevLsb = 0;
  /** No picture was read since the start or the end of a sequence. */
  #atStart = true;
  #inPicture = false;
  #picture: CodedPicture | undefined;

  /** Whether the slice segment read last is the first of its picture. */
  get startsPicture(): boolean {
    return this.#first;
  }

  /** Whether the slice read last is intra coded. */
  get intraSlice(): boolean {
    return this.#intra;
  }

  /** What the NAL unit at `nal` is. */
  kind(data: Uint8Array, nal: number, end: number): NalKind {
    const type = data[nal]! >> 1 & 0x3F;
    if ((data[nal]! & 1) !== 0 || nal + 1 < end && data[nal + 1]! >= 8) return "other";
    if (type <= HEVC_NAL.LAST_VCL) return "slice";
    switch (type) {
      case HEVC_NAL.VPS:
      case HEVC_NAL.SPS:
      case HEVC_NAL.PPS:
        return "parameter-set";
      case HEVC_NAL.AUD:
        return "delimiter";
      case HEVC_NAL.PREFIX_SEI:
        return "sei";
      case END_OF_SEQUENCE:
      case END_OF_BITSTREAM:
        this.#atStart = true;
        return "end";
      default:
        return type >= 41 && type <= 44 || type >= 48 && type <= 55 ? "prefix" : "other";
    }
  }

  /** Whether the head of a slice segment can be read. */
  canRead(data: Uint8Array, nal: number, end: number): boolean {
    this.#readHead(data, nal, end);
    return !this.#bits.overrun;
  }

  /** Reads the head of a slice segment. */
  slice(data: Uint8Array, nal: number, end: number): SliceRelation {
    const first = nal + 2 < end && data[nal + 2]! >= 0x80; // first_slice_segment_in_pic_flag
    this.#first = first;
    if (!first && this.#inPicture) return "same-picture";
    this.#inPicture = true;
    const { type, isIrap, intra, lsb, sps } = this.#readHead(data, nal, end);
    const startsOrder = isIrap && (type !== HEVC_NAL.CRA || this.#atStart);
    this.#atStart = false;
    this.#intra = intra;
    let order: number | undefined;
    if (sps !== undefined && first && !this.#bits.overrun) {
      const before = { msb: this.#prevMsb, lsb: this.#prevLsb };
      const msb = startsOrder ? 0 : nearestMsb(lsb, before, 1 << sps.log2MaxPocLsb);
      order = msb + lsb;
      if (isAnchor(type, data[nal + 1]! & 7)) {
        this.#prevMsb = msb;
        this.#prevLsb = lsb;
      }
    }
    this.#picture = {
      randomAccess: isIrap,
      intra,
      field: false,
      order,
      startsOrder,
      sequence: sps ?? this.#sps.latest,
    };
    return "new-picture";
  }

  /** The picture that began last. */
  picture(): CodedPicture {
    return this.#picture!;
  }

  /** Takes a sequence or picture parameter set; others say nothing that is needed. */
  header(nal: Uint8Array): boolean {
    const type = nal[0]! >> 1 & 0x3F;
    if (type === HEVC_NAL.SPS) return this.#sps.take(withoutTrailingZeros(nal));
    return type !== HEVC_NAL.PPS || this.#readPps(withoutTrailingZeros(nal));
  }

  /** Recovery points are not told apart: decoders start at random access pictures only. */
  recoveryPoint(_nal: Uint8Array): boolean {
    return false;
  }

  /** Slices that follow do not go on with the picture before. */
  reset(): void {
    this.#inPicture = false;
  }

  #readHead(data: Uint8Array, nal: number, end: number): SegmentHead {
    const type = data[nal]! >> 1 & 0x3F;
    const isIrap = type >= HEVC_NAL.FIRST_IRAP && type <= HEVC_NAL.LAST_IRAP;
    const bits = this.#bits;
    bits.reset(data, nal + 2, end);
    bits.bit(); // first_slice_segment_in_pic_flag
    if (isIrap) bits.bit(); // no_output_of_prior_pics_flag
    const pps = this.#pps.get(bits.ue());
    const sps = pps === undefined ? undefined : this.#sps.get(pps.spsId);
    if (pps === undefined || sps === undefined) {
      return { type, isIrap, intra: isIrap, lsb: 0, sps: undefined };
    }
    bits.bits(pps.extraSliceHeaderBits);
    const intra = bits.ue() === SLICE_TYPE_I || isIrap;
    if (pps.outputFlagPresent) bits.bit();
    if (sps.separateColourPlane) bits.bits(2);
    const isIdr = type === HEVC_NAL.IDR_W_RADL || type === HEVC_NAL.IDR_N_LP;
    const lsb = isIdr ? 0 : bits.bits(sps.log2MaxPocLsb);
    return { type, isIrap, intra, lsb, sps };
  }

  #readPps(nal: Uint8Array): boolean {
    const bits = this.#bits;
    bits.reset(nal, 2, nal.length);
    const id = bits.ue();
    const spsId = bits.ue();
    bits.bit(); // dependent_slice_segments_enabled_flag
    const outputFlagPresent = bits.flag();
    const extraSliceHeaderBits = bits.bits(3);
    if (bits.overrun || id > 63 || spsId > 15) return false;
    this.#pps.set(id, { spsId, outputFlagPresent, extraSliceHeaderBits });
    return true;
  }
}

/** Whether the orders of later pictures count from this one: `prevTid0Pic` of section 8.3.1. */
function isAnchor(type: number, temporalIdPlus1: number): boolean {
  const isReferenced = type > LAST_SUBLAYER || type % 2 === 1;
  const isLeading = type >= FIRST_LEADING && type <= LAST_LEADING;
  return temporalIdPlus1 === 1 && isReferenced && !isLeading;
}

/**
 * Slice headers of H.264, as far as they tell pictures apart and order them.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.3 (slice header) and 7.4.1.2.4 (first slice of a picture).
 */

import { H264_NAL, type H264Sps } from "../../video/h264.ts";
import { resetsOrder } from "./h264_marking.ts";
import type { H264ParameterSets } from "./h264_parameter_sets.ts";
import type { SliceReader } from "../slice_reader.ts";

const SLICE_TYPE_I = 2;
const SLICE_TYPE_SI = 4;

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
  /** Whether the picture order count starts anew with this picture, although it is no IDR picture. */
  resetsOrder: boolean;
  /** The sequence that it belongs to; undefined when only the fields up to `ppsId` could be read. */
  sps: H264Sps | undefined;
}

/** An empty record to read a slice header into. */
export function emptyHead(): H264SliceHead {
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
    resetsOrder: false,
    sps: undefined,
  };
}

/**
 * Reads a slice header behind its NAL unit header, whose byte is `header`. The bits tell afterwards
 * whether it was there in full.
 */
export function readSliceHead(
  head: H264SliceHead,
  header: number,
  context: { readonly bits: SliceReader; readonly sets: H264ParameterSets },
): void {
  const { bits, sets } = context;
  head.idr = (header & 0x1F) === H264_NAL.IDR;
  head.refIdc = header >> 5 & 3;
  head.firstMb = bits.ue();
  head.sliceType = bits.ue() % 5;
  head.ppsId = bits.ue();
  head.sps = undefined;
  head.field = head.bottom = false;
  head.redundant = 0;
  head.resetsOrder = false;
  const pps = sets.picture(head.ppsId);
  const sps = pps === undefined ? undefined : sets.sequence(pps.spsId);
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
  if (bits.overrun) return;
  head.sps = sps;
  const isMarked = head.refIdc !== 0 && !head.idr && head.firstMb === 0;
  if (isMarked) head.resetsOrder = resetsOrder(bits, { sliceType: head.sliceType, sps, pps });
}

/** Whether two slices are of different pictures: the conditions of section 7.4.1.2.4. */
export function areOfTwoPictures(a: H264SliceHead, b: H264SliceHead): boolean {
  return a.frameNum !== b.frameNum || a.ppsId !== b.ppsId && a.sps !== b.sps ||
    a.field !== b.field || a.bottom !== b.bottom ||
    a.refIdc !== b.refIdc && (a.refIdc === 0 || b.refIdc === 0) ||
    a.idr !== b.idr || a.idrPicId !== b.idrPicId || a.lsb !== b.lsb ||
    a.deltaBottom !== b.deltaBottom || a.delta0 !== b.delta0 || a.delta1 !== b.delta1;
}

/** Whether a slice is intra coded. */
export function isIntra(head: H264SliceHead): boolean {
  return head.sliceType === SLICE_TYPE_I || head.sliceType === SLICE_TYPE_SI;
}

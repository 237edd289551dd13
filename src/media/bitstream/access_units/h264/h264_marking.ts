/**
 * What an H.264 slice header says of reference pictures, as far as it restarts the picture order count.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.3 (slice header), 7.3.3.1 (reference lists), 7.3.3.2 (weights) and
 * 7.3.3.3 (marking).
 */

import type { H264Sps } from "../../video/h264.ts";
import type { H264PictureParameters } from "./h264_parameter_sets.ts";
import type { SliceReader } from "../slice_reader.ts";

const SLICE_TYPE_B = 1;
const SLICE_TYPE_I = 2;
const SLICE_TYPE_SI = 4;

/** Entries of a list or of marking operations that are read: streams that have more are damaged. */
const MAX_ENTRIES = 64;

/** `modification_of_pic_nums_idc` that ends the list. */
const LAST_MODIFICATION = 3;

/** `memory_management_control_operation`s. */
const MARKING = { END: 0, SHORT_TO_LONG: 3, RESET: 5 } as const;

/**
 * Reads the rest of the header of a slice that is of a reference picture and of no IDR picture; `bits` are
 * behind `redundant_pic_cnt`. Returns whether operation 5 is in it: all pictures before are shown before
 * this one, and the count starts anew with it. Also false where that is not in the bytes that are read.
 */
export function resetsOrder(
  bits: SliceReader,
  slice: {
    readonly sliceType: number;
    readonly sps: H264Sps;
    readonly pps: H264PictureParameters;
  },
): boolean {
  const { sliceType, sps, pps } = slice;
  const isIntra = sliceType === SLICE_TYPE_I || sliceType === SLICE_TYPE_SI;
  const isB = sliceType === SLICE_TYPE_B;
  if (isB) bits.bit(); // direct_spatial_mv_pred_flag
  const counts = isIntra ? [] : isB ? [...pps.refIndexCounts] : [pps.refIndexCounts[0]];
  if (!isIntra && bits.flag()) { // num_ref_idx_active_override_flag
    for (let list = 0; list < counts.length; list++) counts[list] = bits.ue() + 1;
  }
  for (let list = 0; list < counts.length; list++) skipModification(bits);
  const isWeighted = isB ? pps.weightedBipredIdc === 1 : pps.weightedPred;
  if (!isIntra && isWeighted) skipWeights(bits, { counts, sps });
  if (!bits.flag()) return false; // adaptive_ref_pic_marking_mode_flag
  for (let entry = 0; entry < MAX_ENTRIES && !bits.overrun; entry++) {
    const operation = bits.ue();
    if (operation === MARKING.END) return false;
    if (operation === MARKING.RESET) return !bits.overrun;
    bits.ue();
    if (operation === MARKING.SHORT_TO_LONG) bits.ue();
  }
  return false;
}

function skipModification(bits: SliceReader): void {
  if (!bits.flag()) return; // ref_pic_list_modification_flag
  for (let entry = 0; entry < MAX_ENTRIES && !bits.overrun; entry++) {
    if (bits.ue() === LAST_MODIFICATION) return;
    bits.ue();
  }
}

function skipWeights(
  bits: SliceReader,
  { counts, sps }: { readonly counts: readonly number[]; readonly sps: H264Sps },
): void {
  bits.ue(); // luma_log2_weight_denom
  if (sps.hasChroma) bits.ue();
  for (const count of counts) {
    for (let index = 0; index < count && !bits.overrun; index++) {
      if (bits.flag()) skipPairs(bits, 1);
      if (sps.hasChroma && bits.flag()) skipPairs(bits, 2);
    }
  }
}

/** Weight and offset, each. */
function skipPairs(bits: SliceReader, pairs: number): void {
  for (let value = 0; value < 2 * pairs; value++) bits.se();
}

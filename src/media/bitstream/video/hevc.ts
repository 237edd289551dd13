/**
 * HEVC sequence parameter sets.
 *
 * Spec: ISO/IEC 23008-2 sections 7.3.1.2 (NAL unit header), 7.3.2.2 (sequence parameter set), 7.3.3
 * (profile, tier and level), 7.3.4 (scaling lists), 7.3.7 (reference picture sets) and E.2.1 (VUI).
 */

import { MediaError } from "../../../base/errors.ts";
import { MAX_PICTURE_SIDE } from "../../picture.ts";
import { unescapeRbsp } from "./annexb.ts";
import { BitReader } from "../bit_reader.ts";
import { readVuiColor, resolveColor, type SequenceInfo, type VuiColor } from "./vui.ts";

/** `nal_unit_type`s, Table 7-1. */
export const HEVC_NAL = {
  /** The first of the intra random access point types; those up to 23 are too. */
  FIRST_IRAP: 16,
  LAST_IRAP: 23,
  IDR_W_RADL: 19,
  IDR_N_LP: 20,
  CRA: 21,
  /** Types up to this one are slices. */
  LAST_VCL: 31,
  VPS: 32,
  SPS: 33,
  PPS: 34,
  AUD: 35,
  PREFIX_SEI: 39,
} as const;

const MAX_SHORT_TERM_SETS = 64;
const MAX_PICTURES = 16;

/** What {@linkcode parseHevcSps} finds. */
export interface HevcSps extends SequenceInfo {
  readonly profileIdc: number;
  readonly levelIdc: number;
  readonly id: number;
  readonly separateColourPlane: boolean;
  /** Bits of `slice_pic_order_cnt_lsb`. */
  readonly log2MaxPocLsb: number;
}

/**
 * Parses a sequence parameter set NAL unit, the two header bytes included. `reorderDepth` is
 * `sps_max_num_reorder_pics` of the highest temporal layer.
 *
 * Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` when truncated or out of range.
 */
export function parseHevcSps(nal: Uint8Array): HevcSps {
  const bits = new BitReader(unescapeRbsp(nal), 2);
  bits.skipBits(4); // sps_video_parameter_set_id
  const maxSubLayersMinus1 = bits.readBits(3);
  bits.skipBits(1); // sps_temporal_id_nesting_flag
  const profile = readProfileTierLevel(bits, maxSubLayersMinus1);
  const id = bits.readUe(); // sps_seq_parameter_set_id
  const chromaFormatIdc = bits.readUe();
  if (chromaFormatIdc > 3) throw outOfRange("chroma_format_idc", chromaFormatIdc);
  const separateColourPlane = chromaFormatIdc === 3 && bits.readFlag();
  let width = bits.readUe();
  let height = bits.readUe();
  if (bits.readFlag()) { // conformance_window_flag
    const unitX = chromaFormatIdc === 1 || chromaFormatIdc === 2 ? 2 : 1;
    const unitY = chromaFormatIdc === 1 ? 2 : 1;
    width -= (bits.readUe() + bits.readUe()) * unitX;
    height -= (bits.readUe() + bits.readUe()) * unitY;
  }
  if (!(width > 0 && width <= MAX_PICTURE_SIDE)) throw outOfRange("width", width);
  if (!(height > 0 && height <= MAX_PICTURE_SIDE)) throw outOfRange("height", height);
  bits.readUe(); // bit_depth_luma_minus8
  bits.readUe(); // bit_depth_chroma_minus8
  const log2MaxPocLsb = bits.readUe() + 4;
  if (log2MaxPocLsb > 16) throw outOfRange("log2_max_pic_order_cnt_lsb_minus4", log2MaxPocLsb - 4);
  const reorderDepth = readReorderDepth(bits, maxSubLayersMinus1);
  skipCodingTools(bits, log2MaxPocLsb);
  const vui = readVui(bits);
  return {
    ...profile,
    id,
    separateColourPlane,
    log2MaxPocLsb,
    width,
    height,
    reorderDepth,
    color: resolveColor(vui.color, width, height),
    sampleAspect: vui.color?.sampleAspect,
    fieldPictures: false,
    frameSeconds: vui.frameSeconds,
  };
}

function readProfileTierLevel(
  bits: BitReader,
  maxSubLayersMinus1: number,
): { profileIdc: number; levelIdc: number } {
  bits.skipBits(3); // general_profile_space, general_tier_flag
  const profileIdc = bits.readBits(5);
  bits.skipBits(32 + 48); // compatibility flags, constraint flags
  const levelIdc = bits.readBits(8);
  const present: { profile: boolean; level: boolean }[] = [];
  for (let i = 0; i < maxSubLayersMinus1; i++) {
    present.push({ profile: bits.readFlag(), level: bits.readFlag() });
  }
  if (maxSubLayersMinus1 > 0) bits.skipBits(2 * (8 - maxSubLayersMinus1));
  for (const layer of present) {
    if (layer.profile) bits.skipBits(88);
    if (layer.level) bits.skipBits(8);
  }
  return { profileIdc, levelIdc };
}

function readReorderDepth(bits: BitReader, maxSubLayersMinus1: number): number {
  const allLayers = bits.readFlag(); // sps_sub_layer_ordering_info_present_flag
  let reorder = 0;
  for (let i = allLayers ? 0 : maxSubLayersMinus1; i <= maxSubLayersMinus1; i++) {
    bits.readUe(); // sps_max_dec_pic_buffering_minus1
    reorder = bits.readUe();
    bits.readUe(); // sps_max_latency_increase_plus1
  }
  if (reorder > MAX_PICTURES) throw outOfRange("sps_max_num_reorder_pics", reorder);
  return reorder;
}

/** From `log2_min_luma_coding_block_size_minus3` to `strong_intra_smoothing_enabled_flag`. */
function skipCodingTools(bits: BitReader, log2MaxPocLsb: number): void {
  for (let i = 0; i < 6; i++) bits.readUe(); // block sizes and hierarchy depths
  if (bits.readFlag() && bits.readFlag()) skipScalingLists(bits);
  bits.skipBits(2); // amp_enabled_flag, sample_adaptive_offset_enabled_flag
  if (bits.readFlag()) { // pcm_enabled_flag
    bits.skipBits(8);
    bits.readUe();
    bits.readUe();
    bits.skipBits(1);
  }
  skipShortTermSets(bits);
  if (bits.readFlag()) { // long_term_ref_pics_present_flag
    const count = bits.readUe();
    if (count > 32) throw outOfRange("num_long_term_ref_pics_sps", count);
    for (let i = 0; i < count; i++) bits.skipBits(log2MaxPocLsb + 1);
  }
  bits.skipBits(2); // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
}

function skipScalingLists(bits: BitReader): void {
  for (let sizeId = 0; sizeId < 4; sizeId++) {
    for (let matrixId = 0; matrixId < 6; matrixId += sizeId === 3 ? 3 : 1) {
      if (!bits.readFlag()) { // scaling_list_pred_mode_flag
        bits.readUe();
        continue;
      }
      const coefficients = Math.min(64, 1 << (4 + (sizeId << 1)));
      if (sizeId > 1) bits.readSe();
      for (let i = 0; i < coefficients; i++) bits.readSe();
    }
  }
}

function skipShortTermSets(bits: BitReader): void {
  const count = bits.readUe();
  if (count > MAX_SHORT_TERM_SETS) throw outOfRange("num_short_term_ref_pic_sets", count);
  let deltaPocs = 0;
  for (let i = 0; i < count; i++) deltaPocs = readShortTermSet(bits, i, deltaPocs);
}

/** `st_ref_pic_set(index)` inside an SPS; returns its NumDeltaPocs. */
function readShortTermSet(bits: BitReader, index: number, previousDeltaPocs: number): number {
  if (index > 0 && bits.readFlag()) { // inter_ref_pic_set_prediction_flag
    bits.skipBits(1); // delta_rps_sign
    bits.readUe(); // abs_delta_rps_minus1
    let deltaPocs = 0;
    for (let j = 0; j <= previousDeltaPocs; j++) {
      const usedByCurrent = bits.readFlag();
      if (usedByCurrent || bits.readFlag()) deltaPocs++;
    }
    return deltaPocs;
  }
  const negative = bits.readUe();
  const positive = bits.readUe();
  if (negative > MAX_PICTURES) throw outOfRange("num_negative_pics", negative);
  if (positive > MAX_PICTURES) throw outOfRange("num_positive_pics", positive);
  for (let i = 0; i < negative + positive; i++) {
    bits.readUe();
    bits.skipBits(1);
  }
  return negative + positive;
}

interface HevcVui {
  color: VuiColor | undefined;
  frameSeconds: number;
}

/**
 * Reads from `vui_parameters_present_flag` on. Where that part is wrong or cut short, what was read
 * before the mistake counts.
 */
function readVui(bits: BitReader): HevcVui {
  const vui: HevcVui = { color: undefined, frameSeconds: 0 };
  try {
    if (bits.readFlag()) readVuiFields(bits, vui);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  return vui;
}

function readVuiFields(bits: BitReader, vui: HevcVui): void {
  vui.color = readVuiColor(bits);
  bits.skipBits(3); // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
  if (bits.readFlag()) { // default_display_window_flag
    for (let i = 0; i < 4; i++) bits.readUe();
  }
  if (!bits.readFlag()) return; // vui_timing_info_present_flag
  const unitsInTick = bits.readBits(32);
  const timeScale = bits.readBits(32);
  if (timeScale > 0) vui.frameSeconds = unitsInTick / timeScale;
}

function outOfRange(field: string, value: number): MediaError {
  return new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot parse the HEVC parameter set: ${field} is ${value}; the stream is damaged`,
    { context: { field, value } },
  );
}

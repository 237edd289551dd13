/**
 * H.264 parameter sets and recovery points.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.2.1.1 (sequence parameter set), 7.3.2.3 (SEI), D.1.8
 * (recovery point) and E.1.1 (VUI).
 */

import { MediaError } from "../../../base/errors.ts";
import { MAX_PICTURE_SIDE } from "../../picture.ts";
import { unescapeRbsp } from "./annexb.ts";
import { BitReader } from "../bit_reader.ts";
import { readVuiColor, resolveColor, type SequenceInfo, type VuiColor } from "./vui.ts";

/** `nal_unit_type`s, Table 7-1. */
export const H264_NAL = {
  SLICE: 1,
  IDR: 5,
  SEI: 6,
  SPS: 7,
  PPS: 8,
  AUD: 9,
} as const;

const PROFILE_BASELINE = 66;
const SEI_RECOVERY_POINT = 6;
const MAX_SEI_BYTES = 65_536;

/** Profiles whose parameter set carries the chroma format: the list of section 7.3.2.1.1. */
const CHROMA_PROFILES: ReadonlySet<number> = new Set(
  [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135],
);

/** What {@linkcode parseH264Sps} finds. */
export interface H264Sps extends SequenceInfo {
  readonly profileIdc: number;
  readonly levelIdc: number;
  readonly id: number;
  readonly separateColourPlane: boolean;
  /** Whether slices code colour beside brightness: `ChromaArrayType` is not 0. */
  readonly hasChroma: boolean;
  readonly log2MaxFrameNum: number;
  readonly frameMbsOnly: boolean;
  readonly pictureOrder: H264PictureOrder;
}

/** How the slices of a sequence code their picture order count: section 7.3.2.1.1. */
export interface H264PictureOrder {
  /** `pic_order_cnt_type`. */
  readonly type: 0 | 1 | 2;
  /** Bits of `pic_order_cnt_lsb`; 0 unless the type is 0. */
  readonly log2MaxLsb: number;
  /** `delta_pic_order_always_zero_flag`, of type 1. */
  readonly deltaAlwaysZero: boolean;
  readonly offsetForNonRefPic: number;
  readonly offsetForTopToBottomField: number;
  readonly offsetForRefFrame: readonly number[];
}

interface ChromaFormat {
  readonly chromaFormatIdc: number;
  readonly separateColourPlane: boolean;
}

/**
 * Parses a sequence parameter set NAL unit, header byte included.
 *
 * `reorderDepth` is what the stream promises: 0 for picture order count type 2 and the Baseline
 * profile, `max_num_reorder_frames` where the VUI has it, and else 0 for "unknown": the level's
 * limit would hold back up to 16 pictures in live streams that reorder none, and a decoder that
 * meets a B-frame raises its own delay by itself.
 *
 * Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` when truncated or out of range.
 */
export function parseH264Sps(nal: Uint8Array): H264Sps {
  const bits = new BitReader(unescapeRbsp(nal), 1);
  const profileIdc = bits.readBits(8);
  bits.skipBits(8); // constraint_set flags, reserved_zero_2bits
  const levelIdc = bits.readBits(8);
  const id = bits.readUe(); // seq_parameter_set_id
  const chroma = CHROMA_PROFILES.has(profileIdc)
    ? readChromaFormat(bits)
    : { chromaFormatIdc: 1, separateColourPlane: false };
  const log2MaxFrameNum = bits.readUe() + 4;
  if (log2MaxFrameNum > 16) throw outOfRange("log2_max_frame_num_minus4", log2MaxFrameNum - 4);
  const pictureOrder = readPictureOrder(bits);
  bits.readUe(); // max_num_ref_frames
  bits.skipBits(1); // gaps_in_frame_num_value_allowed_flag
  const widthInMbs = bits.readUe() + 1;
  const heightInMapUnits = bits.readUe() + 1;
  const frameMbsOnly = bits.readFlag();
  if (!frameMbsOnly) bits.skipBits(1); // mb_adaptive_frame_field_flag
  bits.skipBits(1); // direct_8x8_inference_flag
  const crop = bits.readFlag() ? readCrop(bits, chroma, frameMbsOnly) : { x: 0, y: 0 };
  const width = widthInMbs * 16 - crop.x;
  const height = heightInMapUnits * 16 * (frameMbsOnly ? 1 : 2) - crop.y;
  checkSize(width, height);
  const vui = readVui(bits);
  const neverReorders = pictureOrder.type === 2 || profileIdc === PROFILE_BASELINE;
  return {
    profileIdc,
    levelIdc,
    id,
    separateColourPlane: chroma.separateColourPlane,
    hasChroma: chroma.chromaFormatIdc !== 0 && !chroma.separateColourPlane,
    log2MaxFrameNum,
    frameMbsOnly,
    pictureOrder,
    width,
    height,
    reorderDepth: neverReorders ? 0 : vui.maxNumReorderFrames,
    color: resolveColor(vui.color, width, height),
    sampleAspect: vui.color?.sampleAspect,
    fieldPictures: !frameMbsOnly,
    frameSeconds: vui.frameSeconds,
  };
}

/**
 * Whether an SEI NAL unit (header byte included) holds a recovery point: decoding may start at the
 * access unit that it belongs to. A damaged message counts as none.
 */
export function hasRecoveryPoint(nal: Uint8Array): boolean {
  const data = unescapeRbsp(nal.subarray(0, MAX_SEI_BYTES));
  let at = 1;
  while (at + 2 < data.length) {
    let type = 0;
    while (data[at] === 0xFF) type += data[at++]!;
    type += data[at++] ?? 0;
    let size = 0;
    while (data[at] === 0xFF) size += data[at++]!;
    size += data[at++] ?? 0;
    if (type === SEI_RECOVERY_POINT) return size > 0 && at + size <= data.length;
    at += size;
  }
  return false;
}

function readChromaFormat(bits: BitReader): ChromaFormat {
  const chromaFormatIdc = bits.readUe();
  const separateColourPlane = chromaFormatIdc === 3 && bits.readFlag();
  bits.readUe(); // bit_depth_luma_minus8
  bits.readUe(); // bit_depth_chroma_minus8
  bits.skipBits(1); // qpprime_y_zero_transform_bypass_flag
  if (bits.readFlag()) { // seq_scaling_matrix_present_flag
    const lists = chromaFormatIdc === 3 ? 12 : 8;
    for (let i = 0; i < lists; i++) {
      if (bits.readFlag()) skipScalingList(bits, i < 6 ? 16 : 64);
    }
  }
  return { chromaFormatIdc, separateColourPlane };
}

function skipScalingList(bits: BitReader, size: number): void {
  let lastScale = 8;
  let nextScale = 8;
  for (let i = 0; i < size; i++) {
    if (nextScale !== 0) nextScale = (lastScale + bits.readSe() + 256) & 0xFF;
    if (nextScale !== 0) lastScale = nextScale;
  }
}

function readPictureOrder(bits: BitReader): H264PictureOrder {
  const type = bits.readUe();
  if (type !== 0 && type !== 1 && type !== 2) throw outOfRange("pic_order_cnt_type", type);
  const log2MaxLsb = type === 0 ? bits.readUe() + 4 : 0;
  if (log2MaxLsb > 16) throw outOfRange("log2_max_pic_order_cnt_lsb_minus4", log2MaxLsb - 4);
  const deltaAlwaysZero = type === 1 && bits.readFlag();
  const offsetForNonRefPic = type === 1 ? bits.readSe() : 0;
  const offsetForTopToBottomField = type === 1 ? bits.readSe() : 0;
  const cycle = type === 1 ? bits.readUe() : 0;
  if (cycle > 255) throw outOfRange("num_ref_frames_in_pic_order_cnt_cycle", cycle);
  const offsetForRefFrame = Array.from({ length: cycle }, () => bits.readSe());
  return {
    type,
    log2MaxLsb,
    deltaAlwaysZero,
    offsetForNonRefPic,
    offsetForTopToBottomField,
    offsetForRefFrame,
  };
}

function readCrop(
  bits: BitReader,
  chroma: ChromaFormat,
  frameMbsOnly: boolean,
): { x: number; y: number } {
  const subsampled = chroma.separateColourPlane ? 0 : chroma.chromaFormatIdc;
  const unitX = subsampled === 1 || subsampled === 2 ? 2 : 1;
  const unitY = (subsampled === 1 ? 2 : 1) * (frameMbsOnly ? 1 : 2);
  const horizontal = bits.readUe() + bits.readUe();
  const vertical = bits.readUe() + bits.readUe();
  return { x: horizontal * unitX, y: vertical * unitY };
}

interface H264Vui {
  color: VuiColor | undefined;
  frameSeconds: number;
  maxNumReorderFrames: number;
}

/**
 * Reads from `vui_parameters_present_flag` on. Encoders get this part wrong, or cut it short, and
 * decoders can do without it: what was read before the mistake counts, as it does in ffmpeg.
 */
function readVui(bits: BitReader): H264Vui {
  const vui: H264Vui = { color: undefined, frameSeconds: 0, maxNumReorderFrames: 0 };
  try {
    if (bits.readFlag()) readVuiFields(bits, vui);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  return vui;
}

function readVuiFields(bits: BitReader, vui: H264Vui): void {
  vui.color = readVuiColor(bits);
  if (bits.readFlag()) { // timing_info_present_flag
    const unitsInTick = bits.readBits(32);
    const timeScale = bits.readBits(32);
    bits.skipBits(1); // fixed_frame_rate_flag
    if (timeScale > 0) vui.frameSeconds = 2 * unitsInTick / timeScale;
  }
  const nalHrd = bits.readFlag();
  if (nalHrd) skipHrd(bits);
  const vclHrd = bits.readFlag();
  if (vclHrd) skipHrd(bits);
  if (nalHrd || vclHrd) bits.skipBits(1); // low_delay_hrd_flag
  bits.skipBits(1); // pic_struct_present_flag
  if (!bits.readFlag()) return; // bitstream_restriction_flag
  bits.skipBits(1); // motion_vectors_over_pic_boundaries_flag
  for (let i = 0; i < 4; i++) bits.readUe(); // max_bytes_per_pic_denom and on
  const maxNumReorderFrames = bits.readUe();
  const maxDecFrameBuffering = bits.readUe();
  const sane = maxNumReorderFrames <= Math.min(16, maxDecFrameBuffering);
  if (sane) vui.maxNumReorderFrames = maxNumReorderFrames;
}

function skipHrd(bits: BitReader): void {
  const count = bits.readUe() + 1;
  if (count > 32) throw outOfRange("cpb_cnt_minus1", count - 1);
  bits.skipBits(8); // bit_rate_scale, cpb_size_scale
  for (let i = 0; i < count; i++) {
    bits.readUe();
    bits.readUe();
    bits.skipBits(1);
  }
  bits.skipBits(20); // the four lengths
}

function checkSize(width: number, height: number): void {
  if (!(width > 0 && width <= MAX_PICTURE_SIDE)) throw outOfRange("width", width);
  if (!(height > 0 && height <= MAX_PICTURE_SIDE)) throw outOfRange("height", height);
}

function outOfRange(field: string, value: number): MediaError {
  return new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot parse the H.264 parameter set: ${field} is ${value}; the stream is damaged`,
    { context: { field, value } },
  );
}

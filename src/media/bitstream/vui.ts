/**
 * Video usability information: the part that H.264 and HEVC share.
 *
 * Spec: ISO/IEC 14496-10 E.1.1 and ISO/IEC 23008-2 E.2.1, up to the chroma location.
 */

import type { ColorInfo } from "../types.ts";
import type { BitReader } from "./bit_reader.ts";

const EXTENDED_SAR = 255;
const MATRIX_BT709 = 1;
const MATRIX_UNSPECIFIED = 2;
const MATRIX_FCC = 4;
const MATRIX_BT470BG = 5;
const MATRIX_SMPTE170M = 6;

/** What a sequence parameter set says of one video stream. */
export interface SequenceInfo {
  /** Picture width in pixels after cropping. */
  readonly width: number;
  /** Picture height in pixels after cropping. */
  readonly height: number;
  /** The most pictures that precede another in decoding order and follow it in output order. */
  readonly reorderDepth: number;
  readonly color: ColorInfo;
  /** Whether a coded picture may be one field of an interlaced frame. */
  readonly fieldPictures: boolean;
  /** Duration of a frame in seconds by the VUI's timing; 0 when not said. */
  readonly frameSeconds: number;
}

/** Colour description as coded: undefined where the stream does not say. */
export interface VuiColor {
  readonly fullRange: boolean;
  readonly matrixCoefficients: number;
}

/** Reads from `aspect_ratio_info_present_flag` to the chroma sample locations. */
export function readVuiColor(bits: BitReader): VuiColor {
  if (bits.readFlag() && bits.readBits(8) === EXTENDED_SAR) bits.skipBits(32);
  if (bits.readFlag()) bits.skipBits(1); // overscan_info_present_flag, overscan_appropriate_flag
  let fullRange = false;
  let matrixCoefficients = MATRIX_UNSPECIFIED;
  if (bits.readFlag()) { // video_signal_type_present_flag
    bits.skipBits(3); // video_format
    fullRange = bits.readFlag();
    if (bits.readFlag()) { // colour_description_present_flag
      bits.skipBits(16); // colour_primaries, transfer_characteristics
      matrixCoefficients = bits.readBits(8);
    }
  }
  if (bits.readFlag()) { // chroma_loc_info_present_flag
    bits.readUe();
    bits.readUe();
  }
  return { fullRange, matrixCoefficients };
}

/**
 * Reduces the coded colour description to what converts differently. Streams that do not say their
 * matrix are taken as players take them: BT.709 from 720 lines (or 1280 columns) up, else BT.601.
 */
export function resolveColor(vui: VuiColor | undefined, width: number, height: number): ColorInfo {
  const fullRange = vui?.fullRange ?? false;
  switch (vui?.matrixCoefficients) {
    case MATRIX_BT709:
      return { matrix: "bt709", fullRange };
    case MATRIX_FCC:
    case MATRIX_BT470BG:
    case MATRIX_SMPTE170M:
      return { matrix: "bt601", fullRange };
    default:
      return { matrix: width >= 1280 || height >= 720 ? "bt709" : "bt601", fullRange };
  }
}

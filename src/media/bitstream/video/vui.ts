/**
 * Video usability information: the part that H.264 and HEVC share.
 *
 * Spec: ISO/IEC 14496-10 E.1.1 and ISO/IEC 23008-2 E.2.1, up to the chroma location.
 */

import type { Rational } from "../../../base/rational.ts";
import { createColor } from "../../color.ts";
import type { ColorInfo, ColorPrimaries, ColorTransfer } from "../../types.ts";
import type { BitReader } from "../bit_reader.ts";

const EXTENDED_SAR = 255;
const MATRIX_RGB = 0;
const MATRIX_BT709 = 1;
const MATRIX_UNSPECIFIED = 2;
const MATRIX_FCC = 4;
const MATRIX_BT470BG = 5;
const MATRIX_SMPTE170M = 6;
const MATRIX_BT2020 = 9;
const MATRIX_BT2020_CONSTANT = 10;
const UNSPECIFIED = 2;

/** `aspect_ratio_idc` from 2 on, Table E-1; 1 is square. */
const SAMPLE_ASPECTS: readonly (readonly [number, number])[] = [
  ...[[12, 11], [10, 11], [16, 11], [40, 33], [24, 11], [20, 11], [32, 11], [80, 33]] as const,
  ...[[18, 11], [15, 11], [64, 33], [160, 99], [4, 3], [3, 2], [2, 1]] as const,
];

/** By `colour_primaries`, Table E-3. */
const PRIMARIES: Readonly<Record<number, ColorPrimaries>> = {
  1: "bt709",
  4: "bt470m",
  5: "bt470bg",
  6: "smpte170m",
  7: "smpte240m",
  8: "film",
  9: "bt2020",
  10: "smpte428",
  11: "smpte431",
  12: "smpte432",
  22: "jedec-p22",
};

/** By `transfer_characteristics`, Table E-4. */
const TRANSFERS: Readonly<Record<number, ColorTransfer>> = {
  1: "bt709",
  4: "bt470m",
  5: "bt470bg",
  6: "smpte170m",
  7: "smpte240m",
  8: "linear",
  9: "log100",
  10: "log316",
  11: "iec61966-2-4",
  12: "bt1361e",
  13: "iec61966-2-1",
  14: "bt2020-10",
  15: "bt2020-12",
  16: "smpte2084",
  17: "smpte428",
  18: "arib-std-b67",
};

/** What a sequence parameter set says of one video stream. */
export interface SequenceInfo {
  /** Picture width in pixels after cropping. */
  readonly width: number;
  /** Picture height in pixels after cropping. */
  readonly height: number;
  /** The most pictures that precede another in decoding order and follow it in output order. */
  readonly reorderDepth: number;
  readonly color: ColorInfo;
  /** Width of a pixel in its heights, in lowest terms; undefined where it is 1:1 or not said. */
  readonly sampleAspect: Rational | undefined;
  /** Whether a coded picture may be one field of an interlaced frame. */
  readonly fieldPictures: boolean;
  /** Duration of a frame in seconds by the VUI's timing; 0 when not said. */
  readonly frameSeconds: number;
}

/** What a VUI says of how pictures are shown: undefined or 2 where it does not say. */
export interface VuiColor {
  readonly sampleAspect: Rational | undefined;
  readonly fullRange: boolean;
  readonly colourPrimaries: number;
  readonly transferCharacteristics: number;
  readonly matrixCoefficients: number;
}

/** Reads from `aspect_ratio_info_present_flag` to the chroma sample locations. */
export function readVuiColor(bits: BitReader): VuiColor {
  const sampleAspect = bits.readFlag() ? readSampleAspect(bits) : undefined;
  if (bits.readFlag()) bits.skipBits(1); // overscan_info_present_flag, overscan_appropriate_flag
  let fullRange = false;
  let colourPrimaries = UNSPECIFIED;
  let transferCharacteristics = UNSPECIFIED;
  let matrixCoefficients = MATRIX_UNSPECIFIED;
  if (bits.readFlag()) { // video_signal_type_present_flag
    bits.skipBits(3); // video_format
    fullRange = bits.readFlag();
    if (bits.readFlag()) { // colour_description_present_flag
      colourPrimaries = bits.readBits(8);
      transferCharacteristics = bits.readBits(8);
      matrixCoefficients = bits.readBits(8);
    }
  }
  if (bits.readFlag()) { // chroma_loc_info_present_flag
    bits.readUe();
    bits.readUe();
  }
  return { sampleAspect, fullRange, colourPrimaries, transferCharacteristics, matrixCoefficients };
}

function readSampleAspect(bits: BitReader): Rational | undefined {
  const idc = bits.readBits(8);
  const [num, den] = idc === EXTENDED_SAR
    ? [bits.readBits(16), bits.readBits(16)]
    : SAMPLE_ASPECTS[idc - 2] ?? [1, 1];
  if (num === 0 || den === 0) return undefined; // unspecified
  return sampleAspectOf(num, den);
}

/** The shape of pixels that are `num` wide and `den` high, in lowest terms; undefined for squares. */
export function sampleAspectOf(num: number, den: number): Rational | undefined {
  if (num === den) return undefined;
  const divisor = commonDivisor(num, den);
  return { num: num / divisor, den: den / divisor };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/**
 * Reduces the coded colour description to what converts differently, and what is to be passed on. Streams
 * that do not say their matrix are taken as players take them: by their primaries, else BT.709 from 720
 * lines (or 1280 columns) up, else BT.601.
 */
export function resolveColor(vui: VuiColor | undefined, width: number, height: number): ColorInfo {
  const fullRange = vui?.fullRange ?? false;
  const primaries = PRIMARIES[vui?.colourPrimaries ?? UNSPECIFIED];
  const transfer = TRANSFERS[vui?.transferCharacteristics ?? UNSPECIFIED];
  const matrix = matrixOf(vui?.matrixCoefficients) ?? matrixOfPrimaries(primaries) ??
    (width >= 1280 || height >= 720 ? "bt709" : "bt601");
  return createColor({ matrix, fullRange }, {
    ...(primaries === undefined ? {} : { primaries }),
    ...(transfer === undefined ? {} : { transfer }),
  });
}

function matrixOf(coefficients: number | undefined): ColorInfo["matrix"] | undefined {
  switch (coefficients) {
    case MATRIX_BT709:
      return "bt709";
    case MATRIX_RGB: // ffmpeg makes BT.601 of it
    case MATRIX_FCC:
    case MATRIX_BT470BG:
    case MATRIX_SMPTE170M:
      return "bt601";
    case MATRIX_BT2020:
    case MATRIX_BT2020_CONSTANT:
      return "bt2020";
    default:
      return undefined;
  }
}

function matrixOfPrimaries(primaries: ColorPrimaries | undefined): ColorInfo["matrix"] | undefined {
  return primaries === "bt2020" ? "bt2020" : undefined;
}

/**
 * MPEG-1 and MPEG-2 video: what a container must know of a sequence and its pictures.
 *
 * Spec: ISO/IEC 13818-2 sections 6.2.2.1 (sequence_header), 6.2.2.3 (sequence_extension), 6.2.2.4
 * (sequence_display_extension), 6.2.3 (picture_header) and 6.2.3.1 (picture_coding_extension);
 * ISO/IEC 11172-2 for MPEG-1.
 */

import { MediaError } from "../../../base/errors.ts";
import { BitReader } from "../bit_reader.ts";
import { resolveColor, sampleAspectOf, type SequenceInfo, type VuiColor } from "./vui.ts";

/** Start codes: the byte behind `00 00 01`. */
export const MPEG2_CODE = {
  PICTURE: 0x00,
  FIRST_SLICE: 0x01,
  LAST_SLICE: 0xAF,
  SEQUENCE: 0xB3,
  EXTENSION: 0xB5,
  SEQUENCE_END: 0xB7,
  GROUP: 0xB8,
} as const;

/** `extension_start_code_identifier`s. */
const EXTENSION_ID = { SEQUENCE: 1, DISPLAY: 2, PICTURE: 8 } as const;

/** Frames per second by `frame_rate_code`. */
const FRAME_RATES: readonly number[] = [
  ...[0, 24_000 / 1001, 24, 25, 30_000 / 1001, 30, 50, 60_000 / 1001, 60],
];

/** By `aspect_ratio_information`, ISO/IEC 13818-2 Table 6-3: of the whole picture. */
const DISPLAY_ASPECTS: Readonly<Record<number, readonly [number, number]>> = {
  2: [4, 3],
  3: [16, 9],
  4: [221, 100],
};

/** `picture_coding_type` of an I-picture. */
const INTRA_CODING_TYPE = 1;

/** `picture_structure` of a whole frame. */
const FRAME_STRUCTURE = 3;

/** What the headers of a picture say. */
export interface Mpeg2Picture {
  /** `temporal_reference`: its place in the group of pictures, in the order in which they are shown. */
  readonly temporalReference: number;
  /** Whether it is an I-picture. */
  readonly intra: boolean;
  /** Whether it is one field of a frame. */
  readonly isField: boolean;
  /** How many fields long it is shown: 3 with `repeat_first_field`. */
  readonly fields: number;
}

/**
 * Parses a sequence header and the extensions behind it. `data` begins with its start code and goes
 * on to the first picture. Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` where it is truncated or
 * has no size.
 */
export function parseMpeg2Sequence(data: Uint8Array): SequenceInfo {
  const bits = new BitReader(data, 4);
  let width = bits.readBits(12);
  let height = bits.readBits(12);
  const displayAspect = DISPLAY_ASPECTS[bits.readBits(4)]; // aspect_ratio_information
  let isMpeg2 = false;
  let frameRate = FRAME_RATES[bits.readBits(4)] ?? 0;
  let lowDelay = false;
  let coded: VuiColor | undefined;
  for (const { id, at } of extensions(data)) {
    const extension = new BitReader(data, at);
    extension.skipBits(4);
    if (id === EXTENSION_ID.SEQUENCE) {
      isMpeg2 = true;
      extension.skipBits(8 + 1 + 2); // profile_and_level, progressive_sequence, chroma_format
      width += extension.readBits(2) << 12;
      height += extension.readBits(2) << 12;
      extension.skipBits(12 + 1 + 8); // bit_rate, marker, vbv_buffer_size
      lowDelay = extension.readFlag();
      frameRate *= (extension.readBits(2) + 1) / (extension.readBits(5) + 1);
    } else if (id === EXTENSION_ID.DISPLAY) {
      extension.skipBits(3); // video_format
      if (!extension.readFlag()) continue; // colour_description
      coded = {
        fullRange: false,
        sampleAspect: undefined,
        colourPrimaries: extension.readBits(8),
        transferCharacteristics: extension.readBits(8),
        matrixCoefficients: extension.readBits(8),
      };
    }
  }
  if (width === 0 || height === 0) {
    throw new MediaError("MEDIA_BAD_FRAME", `Cannot use a picture size of ${width}x${height}`);
  }
  // MPEG-1 counts its shapes of pixels in another way.
  const aspect = isMpeg2 ? displayAspect : undefined;
  return {
    width,
    height,
    frameSeconds: frameRate === 0 ? 0 : 1 / frameRate,
    // Without B-pictures they come in the order in which they are shown.
    reorderDepth: lowDelay ? 0 : 1,
    fieldPictures: isMpeg2,
    color: resolveColor(coded, width, height),
    sampleAspect: aspect === undefined
      ? undefined
      : sampleAspectOf(aspect[0] * height, aspect[1] * width),
  };
}

/**
 * Parses a picture header and the extension behind it; `data` begins with its start code. Undefined
 * where it is truncated.
 */
export function parseMpeg2Picture(data: Uint8Array): Mpeg2Picture | undefined {
  if (data.length < 6) return undefined;
  const temporalReference = data[4]! << 2 | data[5]! >> 6;
  const intra = (data[5]! >> 3 & 7) === INTRA_CODING_TYPE;
  const found = extensions(data).find(({ id }) => id === EXTENSION_ID.PICTURE);
  if (found === undefined || found.at + 5 > data.length) {
    return { temporalReference, intra, isField: false, fields: 2 };
  }
  const bits = new BitReader(data, found.at);
  bits.skipBits(4 + 16 + 2); // f_codes, intra_dc_precision
  const structure = bits.readBits(2);
  bits.skipBits(1 + 1 + 1 + 1 + 1 + 1); // top_field_first up to alternate_scan
  const repeats = bits.readFlag(); // repeat_first_field
  return {
    temporalReference,
    intra,
    isField: structure !== FRAME_STRUCTURE,
    fields: repeats ? 3 : 2,
  };
}

/** The extensions up to the first slice, and where they begin behind their start codes. */
function extensions(data: Uint8Array): { readonly id: number; readonly at: number }[] {
  const found: { id: number; at: number }[] = [];
  for (let i = 4; i + 4 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    const code = data[i + 3]!;
    if (code >= MPEG2_CODE.FIRST_SLICE && code <= MPEG2_CODE.LAST_SLICE) break;
    if (code === MPEG2_CODE.PICTURE || code === MPEG2_CODE.GROUP) break;
    if (code === MPEG2_CODE.EXTENSION) found.push({ id: data[i + 4]! >> 4, at: i + 4 });
    i += 3;
  }
  return found;
}

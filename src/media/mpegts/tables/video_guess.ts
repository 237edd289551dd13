/** Which codec pictures are of that nothing tells of. */

import { MediaError } from "../../../base/errors.ts";
import {
  BitReader,
  H264_NAL,
  HEVC_NAL,
  MPEG2_CODE,
  nalUnits,
  parseH264Sps,
  parseHevcSps,
  parseMpeg2Sequence,
} from "../../bitstream/mod.ts";
import { concatBytes } from "../../../base/bytes.ts";
import { STREAM_TYPE } from "../numbers.ts";

const SEQUENCE_START = Uint8Array.of(0, 0, 1);

/** The last start code of MPEG-2 video. */
const LAST_MPEG2_CODE = 0xB8;
/** `nal_unit_type`s of pictures, and the first that is of none. */
const H264_SLICES: ReadonlySet<number> = new Set([1, 2, 5]);
const FIRST_HEVC_HEADER = 32;
/** The first `nal_unit_type` of HEVC's intra pictures, of which more is said. */
const FIRST_HEVC_INTRA = 16;
const MAX_H264_SLICE_TYPE = 9;
/**
 * So much of what looks like a slice must name a header that is there: messages may hold others, but not
 * in MPEG-2.
 */
const LEAST_FITTING = 0.4;
const LEAST_FITTING_MPEG2 = 0.95;

/** What tells a codec. */
interface Evidence {
  readonly streamType: number;
  readonly leastFitting: number;
  /** The header that says how large pictures are. */
  readonly isHeader: (unit: Uint8Array) => boolean;
  /** The header in front of pictures; what they name it by. Undefined for other units. */
  readonly nameOf: (unit: Uint8Array) => number | undefined;
  /** What a slice names that header by; undefined for other units, -1 where it is none. */
  readonly named: (unit: Uint8Array) => number | undefined;
}

const NO_NAME = -1;

const EVIDENCE: readonly Evidence[] = [
  {
    streamType: STREAM_TYPE.MPEG2_VIDEO,
    leastFitting: LEAST_FITTING_MPEG2,
    isHeader: (unit) =>
      unit[0] === MPEG2_CODE.SEQUENCE &&
      reads(() => parseMpeg2Sequence(concatBytes([SEQUENCE_START, unit]))),
    nameOf: ([code]) => code === MPEG2_CODE.PICTURE ? 0 : undefined,
    named: ([code]) => code! > LAST_MPEG2_CODE ? NO_NAME : isMpeg2Slice(code!) ? 0 : undefined,
  },
  {
    streamType: STREAM_TYPE.H264,
    leastFitting: LEAST_FITTING,
    isHeader: (unit) => (unit[0]! & 0x1F) === H264_NAL.SPS && reads(() => parseH264Sps(unit)),
    nameOf: (unit) => (unit[0]! & 0x1F) === H264_NAL.PPS ? readName(unit, 1) : undefined,
    named: (unit) => {
      if (unit[0]! >= 0x80) return NO_NAME; // forbidden_zero_bit
      if (!H264_SLICES.has(unit[0]! & 0x1F)) return undefined;
      return readName(unit, 1, (bits) => {
        bits.readUe(); // first_mb_in_slice
        return bits.readUe() <= MAX_H264_SLICE_TYPE;
      });
    },
  },
  {
    streamType: STREAM_TYPE.HEVC,
    leastFitting: LEAST_FITTING,
    isHeader: (unit) =>
      unit[0]! >> 1 === HEVC_NAL.SPS && unit[1] === 1 && reads(() => parseHevcSps(unit)),
    nameOf: (unit) => unit[0]! >> 1 === HEVC_NAL.PPS ? readName(unit, 2) : undefined,
    named: (unit) => {
      if (unit[0]! >= 0x80) return NO_NAME; // forbidden_zero_bit
      const type = unit[0]! >> 1;
      if (type >= FIRST_HEVC_HEADER) return undefined;
      return readName(unit, 2, (bits) => {
        bits.skipBits(1); // first_slice_segment_in_pic_flag
        if (type >= FIRST_HEVC_INTRA) bits.skipBits(1); // no_output_of_prior_pics_flag
        return true;
      });
    },
  },
];

/**
 * The stream type of the codec whose headers are there, and which the pictures name. Data of any kind has
 * start codes that look like a few of them; messages in pictures may hold some, too.
 */
export function guessVideo(data: Uint8Array): number | undefined {
  const units = [...nalUnits(data)].filter(({ length }) => length >= 4);
  return EVIDENCE.find(({ leastFitting, isHeader, nameOf, named }) => {
    const first = units.findIndex(isHeader);
    if (first < 0) return false;
    const rest = units.slice(first);
    const names = new Set(rest.map(nameOf));
    const slices = rest.map(named).filter((name) => name !== undefined);
    const fitting = slices.filter((name) => name !== NO_NAME && names.has(name)).length;
    return fitting > 0 && fitting > leastFitting * slices.length;
  })?.streamType;
}

function isMpeg2Slice(code: number): boolean {
  return code >= MPEG2_CODE.FIRST_SLICE && code <= MPEG2_CODE.LAST_SLICE;
}

/** An identifier behind a unit's header, and behind what `skip` reads: that says whether it can be. */
function readName(
  unit: Uint8Array,
  headerBytes: number,
  skip: (bits: BitReader) => boolean = () => true,
): number {
  try {
    const bits = new BitReader(unit, headerBytes);
    return skip(bits) ? bits.readUe() : NO_NAME;
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return NO_NAME;
  }
}

function reads(parse: () => { readonly width: number; readonly height: number }): boolean {
  try {
    const { width, height } = parse();
    return width > 0 && height > 0;
  } catch (error) {
    // What cannot be read is something else.
    if (!(error instanceof MediaError)) throw error;
    return false;
  }
}

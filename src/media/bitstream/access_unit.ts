/**
 * Where access units begin in an Annex B byte stream, and which of them decoding can start at.
 *
 * Spec: ISO/IEC 14496-10 section 7.4.1.2.3, ISO/IEC 23008-2 section 7.4.2.4.4.
 */

import type { VideoCodec } from "../types.ts";
import { findNalUnit, nalUnitEnd, startCodeOffset } from "./annexb.ts";
import { H264_NAL, hasRecoveryPoint } from "./h264.ts";
import { HEVC_NAL } from "./hevc.ts";

/** One access unit inside scanned bytes. */
export interface AccessUnit {
  /** Offset of its first byte (of the start code). */
  readonly start: number;
  /** Offset behind its last byte. */
  readonly end: number;
  /** Whether decoding can start here. */
  readonly keyframe: boolean;
}

/** What {@linkcode scanAccessUnits} finds. */
export interface AccessUnitScan {
  /** At least one unit; together they cover the data without gaps. */
  readonly units: readonly AccessUnit[];
  /** The first sequence parameter set NAL unit, header included, as a view. */
  readonly sps: Uint8Array | undefined;
  /** Whether the data begins an access unit; false when it continues the one before. */
  readonly beginsUnit: boolean;
}

/**
 * What one NAL unit means for the access unit around it: `"prefix"` starts a new unit when it
 * follows a picture (delimiters, parameter sets, SEI), `"first-slice"` begins a picture,
 * `"later-slice"` goes on with it, `"other"` belongs to whatever unit it stands in.
 */
type Role = "other" | "prefix" | "first-slice" | "later-slice";

interface CodecRules {
  typeOf(header: number): number;
  role(data: Uint8Array, nal: number, type: number): Role;
  isKey(data: Uint8Array, nal: number, type: number): boolean;
  readonly spsType: number;
}

const H264_RULES: CodecRules = {
  spsType: H264_NAL.SPS,
  typeOf: (header) => header & 0x1F,
  role(data, nal, type) {
    if (type === H264_NAL.SLICE || type === H264_NAL.IDR || type === 2) {
      // first_mb_in_slice is ue(v): a leading 1 bit is the value 0.
      return (data[nal + 1] ?? 0) >= 0x80 ? "first-slice" : "later-slice";
    }
    return type >= H264_NAL.SEI && type <= H264_NAL.AUD ? "prefix" : "other";
  },
  isKey(data, nal, type) {
    if (type === H264_NAL.IDR) return true;
    return type === H264_NAL.SEI && hasRecoveryPoint(data.subarray(nal, nalUnitEnd(data, nal)));
  },
};

const HEVC_RULES: CodecRules = {
  spsType: HEVC_NAL.SPS,
  typeOf: (header) => header >> 1 & 0x3F,
  role(data, nal, type) {
    if (type <= HEVC_NAL.LAST_VCL) {
      const baseLayer = (data[nal]! & 1) === 0 && (data[nal + 1] ?? 0) < 8;
      return baseLayer && (data[nal + 2] ?? 0) >= 0x80 ? "first-slice" : "later-slice";
    }
    return type >= HEVC_NAL.VPS && type <= HEVC_NAL.AUD || type === HEVC_NAL.PREFIX_SEI
      ? "prefix"
      : "other";
  },
  isKey: (_data, _nal, type) => type >= HEVC_NAL.FIRST_IRAP && type <= HEVC_NAL.LAST_IRAP,
};

/** Options of {@linkcode scanAccessUnits}. */
export interface ScanOptions {
  /**
   * Whether the data may hold several units that have to be told apart. Without it the scan ends at
   * the first slice, which is as good as free.
   */
  readonly split: boolean;
}

/** Finds the access units of `data`, the first parameter set and the keyframes. Never throws. */
export function scanAccessUnits(
  data: Uint8Array,
  codec: VideoCodec,
  options: ScanOptions,
): AccessUnitScan {
  const rules = codec === "h264" ? H264_RULES : HEVC_RULES;
  const units: AccessUnit[] = [];
  let start = 0;
  let keyframe = false;
  let hasPicture = false;
  let sps: Uint8Array | undefined;
  let beginsUnit: boolean | undefined;
  for (let nal = findNalUnit(data, 0); nal >= 0; nal = findNalUnit(data, nal)) {
    if (nal >= data.length) break;
    const type = rules.typeOf(data[nal]!);
    const role = rules.role(data, nal, type);
    beginsUnit ??= role === "prefix" || role === "first-slice";
    if (hasPicture && (role === "prefix" || role === "first-slice")) {
      const end = startCodeOffset(data, nal, start);
      units.push({ start, end, keyframe });
      start = end;
      keyframe = false;
      hasPicture = false;
    }
    if (type === rules.spsType) sps ??= data.subarray(nal, nalUnitEnd(data, nal));
    keyframe ||= rules.isKey(data, nal, type);
    if (role === "first-slice" || role === "later-slice") {
      hasPicture = true;
      if (!options.split) break;
    }
  }
  units.push({ start, end: data.length, keyframe });
  return { units, sps, beginsUnit: beginsUnit ?? false };
}

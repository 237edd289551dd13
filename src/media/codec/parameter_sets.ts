/**
 * Noticing that a stream changes its shape: the sequence parameter sets in an Annex B access unit
 * (H.264 7.3.1 and 7.4.1, HEVC 7.3.1), compared as bytes and not interpreted.
 *
 * @module
 */

import { concatBytes } from "../../base/bytes.ts";
import type { VideoCodec } from "../types.ts";

// Parameter sets come before the first slice and are small: no need to search megabytes.
const SEARCH_BYTES = 65_536;

/**
 * The sequence parameter sets in an access unit, one after the other; undefined when there are
 * none.
 */
export function sequenceParameterSets(
  accessUnit: Uint8Array,
  codec: VideoCodec,
): Uint8Array | undefined {
  if (codec !== "h264" && codec !== "hevc") return undefined;
  const sets: Uint8Array[] = [];
  const bytes = accessUnit.subarray(0, SEARCH_BYTES);
  let start = nextNal(bytes, 0);
  while (start < bytes.length) {
    const kind = nalKind(bytes[start]!, codec);
    if (kind === "slice") break;
    const next = nextNal(bytes, start);
    if (kind === "sps") sets.push(trimmed(bytes.subarray(start, next)));
    start = next;
  }
  return sets.length === 0 ? undefined : concatBytes(sets);
}

/** The index after the next start code `00 00 01`, or the length. */
function nextNal(bytes: Uint8Array, from: number): number {
  for (let i = from; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0 && bytes[i + 1] === 0 && bytes[i + 2] === 1) return i + 3;
  }
  return bytes.length;
}

function nalKind(first: number, codec: VideoCodec): "slice" | "sps" | "other" {
  if (codec === "h264") {
    const type = first & 0x1f;
    if (type >= 1 && type <= 5) return "slice";
    return type === 7 ? "sps" : "other";
  }
  const type = first >> 1 & 0x3f;
  if (type < 32) return "slice";
  return type === 33 ? "sps" : "other";
}

/** Without the start code and zero bytes that follow. */
function trimmed(nal: Uint8Array): Uint8Array {
  let end = nal.length;
  if (end >= 3 && nal[end - 1] === 1 && nal[end - 2] === 0 && nal[end - 3] === 0) end -= 3;
  while (end > 0 && nal[end - 1] === 0) end--;
  return nal.subarray(0, end);
}

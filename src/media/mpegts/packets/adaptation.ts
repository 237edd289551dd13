/**
 * Adaptation fields.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.3.5.
 */

import { TS_HEADER_BYTES, TS_PACKET_BYTES } from "../numbers.ts";

/** Flags of an adaptation field's second byte. */
export const ADAPTATION = {
  DISCONTINUITY: 0x80,
  RANDOM_ACCESS: 0x40,
  PCR: 0x10,
  OPCR: 0x08,
  SPLICING_POINT: 0x04,
  PRIVATE_DATA: 0x02,
  EXTENSION: 0x01,
} as const;

/** Bytes of a PCR or OPCR. */
export const PCR_BYTES = 6;

/** Flags without bytes of their own. */
const MARKS = 0xE0;

/**
 * Whether the adaptation field of the packet at `at` holds stuffing: it is longer than its flags
 * need, or says nothing at all. Only the last packet of a PES needs that, unless its muxer pads
 * elsewhere too. The field must lie within the packet.
 */
export function isStuffed(data: Uint8Array, at: number): boolean {
  const length = data[at + TS_HEADER_BYTES]!;
  if (length === 0) return true;
  const flags = data[at + TS_HEADER_BYTES + 1]!;
  if (length === 1) return (flags & MARKS) === 0;
  const end = at + TS_HEADER_BYTES + 1 + length;
  let used = at + TS_HEADER_BYTES + 2;
  if ((flags & ADAPTATION.PCR) !== 0) used += PCR_BYTES;
  if ((flags & ADAPTATION.OPCR) !== 0) used += PCR_BYTES;
  if ((flags & ADAPTATION.SPLICING_POINT) !== 0) used += 1;
  if ((flags & ADAPTATION.PRIVATE_DATA) !== 0 && used < end) used += 1 + data[used]!;
  if ((flags & ADAPTATION.EXTENSION) !== 0 && used < end) used += 1 + data[used]!;
  return used < end;
}

/**
 * Where the payload of the packet at `at` begins; past the packet's end when the field is damaged.
 */
export function payloadStart(data: Uint8Array, at: number): number {
  const hasField = (data[at + 3]! & 0x20) !== 0;
  return at + TS_HEADER_BYTES + (hasField ? 1 + data[at + TS_HEADER_BYTES]! : 0);
}

/** Whether the packet at `at` has `discontinuity_indicator` set. */
export function signalsDiscontinuity(data: Uint8Array, at: number): boolean {
  return (data[at + 3]! & 0x20) !== 0 && data[at + TS_HEADER_BYTES]! > 0 &&
    at + TS_PACKET_BYTES <= data.length &&
    (data[at + TS_HEADER_BYTES + 1]! & ADAPTATION.DISCONTINUITY) !== 0;
}

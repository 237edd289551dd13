/**
 * PES packet headers.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.3.6 (PES_packet), Table 2-22 (stream_id).
 */

import { CLOCK_WRAP } from "../numbers.ts";

/** Bytes up to and with `PES_packet_length`. */
export const PES_PREFIX_BYTES = 6;

/** Bytes of the header in front of the timestamps. */
export const PES_FIXED_BYTES = 9;

/** The largest header. */
export const MAX_PES_HEADER_BYTES = PES_FIXED_BYTES + 255;
const TIMESTAMP_BYTES = 5;
const MAX_PES_LENGTH = 0xFFFF;

/** `stream_id`s whose PES packets have no header extension: Table 2-21. */
const BARE_STREAM_IDS: ReadonlySet<number> = new Set(
  [0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF],
);

/** What a PES header says. */
export interface PesHeader {
  readonly streamId: number;
  /** Bytes of the header; the payload follows. */
  readonly headerBytes: number;
  /** 33-bit presentation time at 90 kHz, if any. */
  readonly pts: number | undefined;
  /** 33-bit decoding time at 90 kHz; the presentation time where it is not coded apart. */
  readonly dts: number | undefined;
  /** `data_alignment_indicator`. */
  readonly aligned: boolean;
  /** `stream_id_extension`: which of several streams on one PID it is of. */
  readonly extensionId: number | undefined;
}

/** Parses a PES header at the start of `data`; undefined when it is truncated, damaged or bare. */
export function parsePesHeader(data: Uint8Array): PesHeader | undefined {
  if (data.length < PES_FIXED_BYTES || data[0] !== 0 || data[1] !== 0 || data[2] !== 1) {
    return undefined;
  }
  const streamId = data[3]!;
  const headerBytes = PES_FIXED_BYTES + data[8]!;
  const isMpeg2 = data[6]! >> 6 === 2;
  if (BARE_STREAM_IDS.has(streamId) || !isMpeg2 || headerBytes > data.length) return undefined;
  const flags = data[7]! >> 6; // PTS_DTS_flags
  const hasPts = flags >= 2 && data[8]! >= TIMESTAMP_BYTES;
  const hasDts = flags === 3 && data[8]! >= 2 * TIMESTAMP_BYTES;
  const pts = hasPts ? readTimestamp(data, PES_FIXED_BYTES) : undefined;
  const dts = hasDts ? readTimestamp(data, PES_FIXED_BYTES + TIMESTAMP_BYTES) : pts;
  const aligned = (data[6]! & 0x04) !== 0;
  return { streamId, headerBytes, pts, dts, aligned, extensionId: readExtensionId(data) };
}

/** `stream_id_extension`, behind the optional fields that the flags of the header announce. */
function readExtensionId(data: Uint8Array): number | undefined {
  const flags = data[7]!;
  if ((flags & 0x01) === 0) return undefined; // PES_extension_flag
  const has = (bit: number): number => flags >> bit & 1;
  let at = PES_FIXED_BYTES + (flags >> 6 === 3 ? 2 : has(7)) * TIMESTAMP_BYTES;
  at += 6 * has(5) + 3 * has(4) + has(3) + has(2) + 2 * has(1); // ESCR to previous_PES_packet_CRC
  const end = PES_FIXED_BYTES + data[8]!;
  const extension = data[at++] ?? 0;
  if ((extension & 0x80) !== 0) at += 16; // PES_private_data
  if ((extension & 0x40) !== 0) at += 1 + (data[at] ?? 0); // pack_header
  if ((extension & 0x20) !== 0) at += 2; // program_packet_sequence_counter
  if ((extension & 0x10) !== 0) at += 2; // P-STD_buffer
  const isThere = (extension & 0x01) !== 0 && at + 1 < end && data[at + 1]! < 0x80;
  return isThere ? data[at + 1] : undefined;
}

/**
 * What {@linkcode writePesHeader} needs. Times are any whole number: 33 bits of them are written.
 */
export interface PesHeaderFields {
  readonly streamId: number;
  readonly ptsTicks: number;
  /** Left out of the header when it equals the presentation time. */
  readonly dtsTicks: number;
  /** Bytes behind the header. Where the whole does not fit 16 bits the length is written as 0. */
  readonly payloadBytes: number;
  /** `stuffing_byte`s at the end of the header. */
  readonly stuffingBytes: number;
}

/** Size in bytes of the header that {@linkcode writePesHeader} writes, without stuffing. */
export function pesHeaderBytes(hasDts: boolean): number {
  return PES_FIXED_BYTES + (hasDts ? 2 : 1) * TIMESTAMP_BYTES;
}

/** Writes a PES header to the start of `target` and returns its size in bytes. */
export function writePesHeader(target: Uint8Array, fields: PesHeaderFields): number {
  const hasDts = fields.dtsTicks !== fields.ptsTicks;
  const headerBytes = pesHeaderBytes(hasDts) + fields.stuffingBytes;
  const length = headerBytes - PES_PREFIX_BYTES + fields.payloadBytes;
  const coded = length > MAX_PES_LENGTH ? 0 : length;
  target[0] = 0;
  target[1] = 0;
  target[2] = 1;
  target[3] = fields.streamId;
  target[4] = coded >> 8;
  target[5] = coded & 0xFF;
  target[6] = 0x84; // '10', data_alignment_indicator
  target[7] = hasDts ? 0xC0 : 0x80;
  target[8] = headerBytes - PES_FIXED_BYTES;
  writeTimestamp(target, PES_FIXED_BYTES, { prefix: hasDts ? 3 : 2, ticks: fields.ptsTicks });
  if (hasDts) {
    writeTimestamp(target, PES_FIXED_BYTES + TIMESTAMP_BYTES, {
      prefix: 1,
      ticks: fields.dtsTicks,
    });
  }
  target.fill(0xFF, headerBytes - fields.stuffingBytes, headerBytes);
  return headerBytes;
}

/** The lowest 33 bits of a whole number, negative ones too. */
export function maskClock(ticks: number): number {
  const rest = ticks % CLOCK_WRAP;
  return rest < 0 ? rest + CLOCK_WRAP : rest;
}

function readTimestamp(data: Uint8Array, at: number): number {
  const low = (data[at + 1]! << 22) | (data[at + 2]! >> 1) << 15 | data[at + 3]! << 7 |
    data[at + 4]! >> 1;
  return (data[at]! >> 1 & 7) * 2 ** 30 + low;
}

function writeTimestamp(
  target: Uint8Array,
  at: number,
  value: { prefix: number; ticks: number },
): void {
  const masked = maskClock(value.ticks);
  const high = Math.floor(masked / 2 ** 30);
  const low = masked % 2 ** 30;
  target[at] = value.prefix << 4 | high << 1 | 1;
  target[at + 1] = low >> 22;
  target[at + 2] = low >> 14 & 0xFE | 1;
  target[at + 3] = low >> 7 & 0xFF;
  target[at + 4] = (low & 0x7F) << 1 | 1;
}

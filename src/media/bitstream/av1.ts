/**
 * AV1 temporal units as MPEG-TS carries them, turned into the low-overhead form that decoders take.
 *
 * Spec: AV1 Bitstream & Decoding Process Specification sections 5.3.2 (obu_header), 5.2 (low-overhead
 * format) and 4.10.5 (leb128); "Carriage of AV1 in MPEG-2 TS" (AOM), section 3.2 (start codes).
 */

import { concatBytes } from "../../base/bytes.ts";
import { MediaError } from "../../base/errors.ts";
import { ByteCursor } from "../../base/byte_cursor.ts";

const OBU_SEQUENCE_HEADER = 1;
const OBU_TEMPORAL_DELIMITER = 2;
const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;
/** A whole temporal delimiter. */
const DELIMITER: Uint8Array = Uint8Array.of(OBU_TEMPORAL_DELIMITER << 3 | HAS_SIZE, 0);

/** One temporal unit. */
export interface Av1Unit {
  /** In the low-overhead format, from its temporal delimiter on. */
  readonly data: Uint8Array;
  /** Whether it has a sequence header, so that decoding can start here. */
  readonly keyframe: boolean;
}

/**
 * Reads a temporal unit, be it in the low-overhead format or with start codes. Undefined for bytes
 * that are neither.
 */
export function readAv1Unit(payload: Uint8Array): Av1Unit | undefined {
  try {
    const obus = isStartCode(payload, 0) ? withStartCodes(payload) : lowOverhead(payload);
    const types = obus.map((obu) => typeOf(obu));
    if (obus.length === 0) return undefined;
    const pieces = types[0] === OBU_TEMPORAL_DELIMITER ? obus : [DELIMITER, ...obus];
    return { data: concatBytes(pieces), keyframe: types.includes(OBU_SEQUENCE_HEADER) };
  } catch (error) {
    // Damaged input is the sender's: the next unit is as good.
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}

function typeOf(obu: Uint8Array): number {
  return obu[0]! >> 3 & 15;
}

/** OBUs that have sizes. Throws a {@linkcode MediaError} where they do not add up. */
function lowOverhead(payload: Uint8Array): Uint8Array[] {
  const cursor = new ByteCursor(payload);
  const obus: Uint8Array[] = [];
  while (cursor.remaining > 0) {
    const start = cursor.offset;
    const header = cursor.readU8();
    const isObu = (header & 0x81) === 0 && (header & HAS_SIZE) !== 0;
    if (!isObu) throw new MediaError("MEDIA_BAD_FRAME", `Cannot read an OBU at offset ${start}`);
    if ((header & HAS_EXTENSION) !== 0) cursor.skip(1);
    cursor.skip(readLeb128(cursor));
    obus.push(payload.subarray(start, cursor.offset));
  }
  return obus;
}

function readLeb128(cursor: ByteCursor): number {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = cursor.readU8();
    value += (byte & 0x7F) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  return value;
}

function withStartCodes(payload: Uint8Array): Uint8Array[] {
  const obus: Uint8Array[] = [];
  for (let at = 0; at < payload.length;) {
    let end = at + 3;
    while (end < payload.length && !isStartCode(payload, end)) end++;
    const obu = withoutEmulationPrevention(payload.subarray(at + 3, end));
    if (obu.length > 0) obus.push(withSize(obu));
    at = end;
  }
  return obus;
}

function isStartCode(data: Uint8Array, at: number): boolean {
  return data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1;
}

function withoutEmulationPrevention(data: Uint8Array): Uint8Array {
  const clean = new Uint8Array(data.length);
  let length = 0;
  let zeros = 0;
  for (const byte of data) {
    const isInserted = zeros >= 2 && byte === 3;
    zeros = byte === 0 ? zeros + 1 : 0;
    if (!isInserted) clean[length++] = byte;
  }
  return clean.subarray(0, length);
}

function withSize(obu: Uint8Array): Uint8Array {
  const header = obu[0]!;
  if ((header & HAS_SIZE) !== 0) return obu;
  const headerBytes = (header & HAS_EXTENSION) === 0 ? 1 : 2;
  const head = [header | HAS_SIZE, ...obu.subarray(1, headerBytes)];
  let size = Math.max(0, obu.length - headerBytes);
  do {
    head.push(size % 128 | (size > 127 ? 0x80 : 0));
    size = Math.floor(size / 128);
  } while (size > 0);
  return concatBytes([Uint8Array.from(head), obu.subarray(headerBytes)]);
}

/**
 * Program specific information: the program association table and the program map table.
 *
 * Spec: ISO/IEC 13818-1 sections 2.4.4.3 (PAT) and 2.4.4.8 (PMT).
 */

import { MediaError } from "../../../base/errors.ts";
import { ByteCursor } from "../../bitstream/mod.ts";
import { crc32, MPEG_CRC_START } from "../../crc32.ts";
import { TABLE_ID } from "../numbers.ts";

const CRC_BYTES = 4;
const PROGRAM_NUMBER_NETWORK = 0;

/** One program of a PAT. */
export interface PatProgram {
  readonly programNumber: number;
  readonly pmtPid: number;
}

/** A parsed PAT. */
export interface Pat {
  readonly version: number;
  readonly sectionNumber: number;
  /** Of the sections that together list all programs. */
  readonly lastSectionNumber: number;
  /** In order of the table, the network PID left out. */
  readonly programs: readonly PatProgram[];
}

/** One descriptor of a PMT. */
export interface Descriptor {
  readonly tag: number;
  readonly data: Uint8Array;
}

/** One elementary stream of a PMT. */
export interface PmtStream {
  readonly streamType: number;
  readonly pid: number;
  readonly descriptors: readonly Descriptor[];
}

/** A parsed PMT. */
export interface Pmt {
  readonly programNumber: number;
  readonly pcrPid: number;
  /** Of the program as a whole; only read. @default none */
  readonly descriptors?: readonly Descriptor[];
  readonly streams: readonly PmtStream[];
}

/**
 * Parses a PAT section, CRC included. Returns undefined for another table or one not yet in force;
 * throws a {@linkcode MediaError} when it is truncated or its CRC is wrong.
 */
export function parsePat(section: Uint8Array): Pat | undefined {
  const body = openSection(section, TABLE_ID.PAT);
  if (body === undefined) return undefined;
  const programs: PatProgram[] = [];
  while (body.cursor.remaining > CRC_BYTES) {
    const programNumber = body.cursor.readU16();
    const pmtPid = body.cursor.readU16() & 0x1FFF;
    if (programNumber !== PROGRAM_NUMBER_NETWORK) programs.push({ programNumber, pmtPid });
  }
  const { version, sectionNumber, lastSectionNumber } = body;
  return { version, sectionNumber, lastSectionNumber, programs };
}

/**
 * Parses a PMT section, CRC included. Returns undefined for another table or one not yet in force;
 * throws a {@linkcode MediaError} when it is truncated or its CRC is wrong.
 */
export function parsePmt(section: Uint8Array): Pmt | undefined {
  const body = openSection(section, TABLE_ID.PMT);
  if (body === undefined) return undefined;
  const { cursor } = body;
  const pcrPid = cursor.readU16() & 0x1FFF;
  const programInfo = new ByteCursor(cursor.readBytes(cursor.readU16() & 0x0FFF));
  const descriptors = readDescriptors(programInfo);
  const streams: PmtStream[] = [];
  while (cursor.remaining > CRC_BYTES) {
    const streamType = cursor.readU8();
    const pid = cursor.readU16() & 0x1FFF;
    const info = new ByteCursor(cursor.readBytes(cursor.readU16() & 0x0FFF));
    streams.push({ streamType, pid, descriptors: readDescriptors(info) });
  }
  return { programNumber: body.tableIdExtension, pcrPid, descriptors, streams };
}

/** Writes a PAT section of one program. */
export function writePat(program: PatProgram): Uint8Array {
  const { programNumber, pmtPid } = program;
  const body = [...u16(programNumber), ...u16(0xE000 | pmtPid)];
  return writeSection(TABLE_ID.PAT, { tableIdExtension: 1, version: 0, body });
}

/** Writes a PMT section; `version` goes up, modulo 32, with each change of the program. */
export function writePmt(pmt: Pmt, version = 0): Uint8Array {
  const body = [...u16(0xE000 | pmt.pcrPid), ...u16(0xF000)];
  for (const stream of pmt.streams) {
    const info = stream.descriptors.flatMap(({ tag, data }) => [tag, data.length, ...data]);
    body.push(stream.streamType, ...u16(0xE000 | stream.pid), ...u16(0xF000 | info.length));
    body.push(...info);
  }
  return writeSection(TABLE_ID.PMT, { tableIdExtension: pmt.programNumber, version, body });
}

interface Section {
  readonly tableIdExtension: number;
  readonly version: number;
  readonly sectionNumber: number;
  readonly lastSectionNumber: number;
  readonly cursor: ByteCursor;
}

function openSection(section: Uint8Array, tableId: number): Section | undefined {
  if (section[0] !== tableId) return undefined;
  const cursor = new ByteCursor(section, 3);
  const tableIdExtension = cursor.readU16();
  const flags = cursor.readU8(); // version_number, current_next_indicator
  const sectionNumber = cursor.readU8();
  const lastSectionNumber = cursor.readU8();
  if (crc32(section, MPEG_CRC_START) !== 0) {
    throw new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot read table ${tableId}: its CRC is wrong; the stream is damaged`,
      { context: { tableId } },
    );
  }
  if ((flags & 1) === 0) return undefined;
  const version = flags >> 1 & 31;
  return { tableIdExtension, version, sectionNumber, lastSectionNumber, cursor };
}

function readDescriptors(cursor: ByteCursor): Descriptor[] {
  const descriptors: Descriptor[] = [];
  while (cursor.remaining > 0) {
    const tag = cursor.readU8();
    // A copy: sections live in a buffer that the next one overwrites.
    descriptors.push({ tag, data: cursor.readBytes(cursor.readU8()).slice() });
  }
  return descriptors;
}

function writeSection(
  tableId: number,
  { tableIdExtension, version, body }: {
    tableIdExtension: number;
    version: number;
    body: number[];
  },
): Uint8Array {
  const sectionLength = 5 + body.length + CRC_BYTES;
  const data = Uint8Array.from([
    tableId,
    ...u16(0xB000 | sectionLength),
    ...u16(tableIdExtension),
    0xC1 | (version & 31) << 1, // version_number, current_next_indicator 1
    0, // section_number
    0, // last_section_number
    ...body,
    ...[0, 0, 0, 0],
  ]);
  const crc = crc32(data.subarray(0, data.length - CRC_BYTES), MPEG_CRC_START);
  new DataView(data.buffer).setUint32(data.length - CRC_BYTES, crc);
  return data;
}

function u16(value: number): [number, number] {
  return [value >> 8, value & 0xFF];
}

/** Tables of transport streams, written without the code under test. */

import { concatBytes } from "./fixtures.ts";

/** One stream of a program map. */
export interface MadeStream {
  readonly type: number;
  readonly pid: number;
  /** Descriptors, with tag and length. */
  readonly info?: readonly number[];
}

/** A table, and the PID it goes on. */
export interface MadeTable {
  readonly pid: number;
  readonly section: Uint8Array;
}

/** A program association table: program numbers and the PIDs of their maps. */
export function pat(
  programs: readonly (readonly [program: number, pmtPid: number])[],
  { version = 0, part = 0, lastPart = 0 } = {},
): MadeTable {
  const body = programs.flatMap(([program, pid]) => [...u16(program), ...u16(0xE000 | pid)]);
  return { pid: 0, section: section({ table: 0, extension: 1, version, part, lastPart, body }) };
}

/** A program map on a PID. */
export function pmt(
  pid: number,
  program: number,
  streams: readonly MadeStream[],
  { version = 0, info = [] as readonly number[] } = {},
): MadeTable {
  const pcrPid = streams[0]?.pid ?? 0x1FFF;
  const body = [...u16(0xE000 | pcrPid), ...u16(0xF000 | info.length), ...info];
  for (const { type, pid, info = [] } of streams) {
    body.push(type, ...u16(0xE000 | pid), ...u16(0xF000 | info.length), ...info);
  }
  return {
    pid,
    section: section({ table: 2, extension: program, version, part: 0, lastPart: 0, body }),
  };
}

/** A registration descriptor. */
export function registration(format: string): number[] {
  return [5, 4, ...new TextEncoder().encode(format)];
}

/** Puts tables in place of those of an ffmpeg-made stream; `tables` is asked each time, from 0. */
export function withTables(
  ts: Uint8Array,
  tables: (time: number) => readonly MadeTable[],
): Uint8Array {
  const counters = new Map<number, number>();
  const pieces: Uint8Array[] = [];
  let time = 0;
  for (let at = 0; at < ts.length; at += 188) {
    const pid = (ts[at + 1]! & 0x1F) << 8 | ts[at + 2]!;
    if (pid === 0) {
      for (const table of tables(time++)) {
        const counter = counters.get(table.pid) ?? 0;
        const packets = packSection(table, counter);
        counters.set(table.pid, counter + packets.length / 188);
        pieces.push(packets);
      }
    } else if (pid !== 0x11 && pid < 0x1000) pieces.push(ts.subarray(at, at + 188));
  }
  return concatBytes(pieces);
}

/** The transport packets of a table; `counter` is the continuity counter of the first. */
export function packSection({ pid, section }: MadeTable, counter = 0): Uint8Array {
  const data = concatBytes([Uint8Array.of(0), section]);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += 184) {
    const packet = new Uint8Array(188).fill(0xFF);
    const start = at === 0 ? 0x40 : 0;
    packet.set([0x47, start | pid >> 8, pid & 0xFF, 0x10 | (counter + packets.length & 15)]);
    packet.set(data.subarray(at, at + 184), 4);
    packets.push(packet);
  }
  return concatBytes(packets);
}

function section(fields: {
  readonly table: number;
  readonly extension: number;
  readonly version: number;
  readonly part: number;
  readonly lastPart: number;
  readonly body: readonly number[];
}): Uint8Array {
  const { table, extension, version, part, lastPart, body } = fields;
  const bytes = [
    table,
    ...u16(0xB000 | body.length + 9),
    ...u16(extension),
    0xC1 | version << 1,
    part,
    lastPart,
    ...body,
  ];
  const crc = crc32(bytes);
  return Uint8Array.from([...bytes, ...u16(crc >>> 16), ...u16(crc & 0xFFFF)]);
}

function crc32(bytes: readonly number[]): number {
  let crc = 0xFFFFFFFF;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? crc << 1 ^ 0x04C11DB7 : crc << 1;
  }
  return crc >>> 0;
}

function u16(value: number): [number, number] {
  return [value >> 8 & 0xFF, value & 0xFF];
}

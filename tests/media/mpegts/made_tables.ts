/** Tables of transport streams, written without the code under test. */

import { concatBytes, packPes, tsPackets } from "./fixtures.ts";

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

/** Payloads with the times of their pictures, as PES packets of one PID without lengths. */
export function packPictures(
  pid: number,
  pictures: readonly {
    readonly payload: Uint8Array;
    readonly pts?: number;
    readonly dts?: number;
  }[],
): Uint8Array {
  let packets = 0;
  const made = pictures.map((picture) => {
    const bytes = packPes({ pid, ...picture, sized: false, continuity: packets & 15 });
    packets += bytes.length / 188;
    return bytes;
  });
  return concatBytes(made);
}

/** How {@linkcode relaid} lays an elementary stream out. */
export interface Layout {
  readonly pid: number;
  /** Payload of each PES, wherever pictures begin. @default a PES for each of the original */
  readonly pesBytes?: number;
  /** Whether the PES with this index keeps its times. @default all do */
  readonly timed?: (index: number) => boolean;
}

interface PesPiece {
  readonly offset: number;
  readonly pts: number | undefined;
  readonly dts: number | undefined;
}

/**
 * The tables and one elementary stream of an ffmpeg-made stream, with other PES packets: the times of
 * each are those of the first original PES that begins in it.
 */
export function relaid(ts: Uint8Array, layout: Layout): Uint8Array {
  const { pid, pesBytes, timed = () => true } = layout;
  const tables: Uint8Array[] = [];
  const payloads: Uint8Array[] = [];
  const pieces: PesPiece[] = [];
  let length = 0;
  for (const [index, { pid: at, unitStart, payload }] of tsPackets(ts).entries()) {
    if (at !== pid) {
      if (at === 0 || at === 0x1000) tables.push(ts.subarray(index * 188, index * 188 + 188));
      continue;
    }
    if (!unitStart) payloads.push(payload);
    else {
      pieces.push({ offset: length, ...pesTimes(payload) });
      payloads.push(payload.subarray(9 + payload[8]!));
    }
    length += payloads.at(-1)!.length;
  }
  const stream = concatBytes(payloads);
  const starts = pesBytes === undefined
    ? pieces.map(({ offset }) => offset)
    : Array.from({ length: Math.ceil(length / pesBytes) }, (_, index) => index * pesBytes);
  const made = starts.map((start, index) => {
    const end = starts[index + 1] ?? length;
    const piece = pieces.find(({ offset }) => offset >= start && offset < end);
    const payload = stream.subarray(start, end);
    if (piece?.pts === undefined || !timed(index)) return { payload };
    const { pts, dts } = piece;
    return { payload, pts, ...(dts === undefined ? {} : { dts }) };
  });
  return concatBytes([...tables.slice(0, 2), packPictures(pid, made)]);
}

function pesTimes(pes: Uint8Array): { pts: number | undefined; dts: number | undefined } {
  const flags = pes[7]! >> 6;
  const pts = flags >= 2 ? stamp(pes, 9) : undefined;
  return { pts, dts: flags === 3 ? stamp(pes, 14) : undefined };
}

function stamp(pes: Uint8Array, at: number): number {
  return (pes[at]! >> 1 & 7) * 2 ** 30 + (pes[at + 1]! << 22) + (pes[at + 2]! >> 1 << 15) +
    (pes[at + 3]! << 7) + (pes[at + 4]! >> 1);
}

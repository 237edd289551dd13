/**
 * Lays access units out as transport streams in whatever way senders do: an independent writer, with
 * nothing of the code under test.
 */

import { concatBytes } from "./fixtures.ts";

export const VIDEO_PID = 0x100;
export const AUDIO_PID = 0x101;
export const PMT_PID = 0x1000;

/** Bytes of the elementary stream that go into one PES packet. */
export interface PesPiece {
  readonly payload: Uint8Array;
  readonly pts?: number;
  /** Left out where it equals `pts`. */
  readonly dts?: number;
}

/** How a PES packet is written. */
export interface PesLayout {
  readonly pid?: number;
  readonly streamId?: number;
  /** Whether `PES_packet_length` is written, where it fits. @default false */
  readonly sized?: boolean;
  /** `data_alignment_indicator`. @default false */
  readonly aligned?: boolean;
  /** `stream_id_extension`. @default none */
  readonly extensionId?: number;
  /** Stuffing in the PES header. @default 0 */
  readonly headerStuffing?: number;
  /** A clock in the first packet, in 90 kHz. @default none */
  readonly pcr?: number;
  /** Stuffing bytes in the packet of this index, which takes as much less payload. @default 0 */
  readonly stuffing?: (index: number) => number;
}

/** Writes transport packets, one behind the other, with a continuity counter for each PID. */
export class TsLayout {
  readonly #packets: Uint8Array[] = [];
  readonly #continuity = new Map<number, number>();

  /** Packets so far. */
  get packets(): readonly Uint8Array[] {
    return this.#packets;
  }

  /** All of them. */
  bytes(): Uint8Array {
    return concatBytes(this.#packets);
  }

  /** PAT and PMT of one program with streams `[type, PID]`; the clock is on the first. */
  tables(streams: readonly (readonly [type: number, pid: number])[]): void {
    this.section(0, patSection([[1, PMT_PID]]));
    this.section(PMT_PID, pmtSection(streams));
  }

  /** A section of a table in one packet. */
  section(pid: number, section: Uint8Array): void {
    const payload = new Uint8Array(184).fill(0xFF);
    payload[0] = 0;
    payload.set(section, 1);
    this.#packet(pid, { payload, unitStart: true, field: new Uint8Array(0) });
  }

  /** A PES packet. */
  pes(piece: PesPiece, layout: PesLayout = {}): void {
    const { pid = VIDEO_PID, pcr, stuffing = () => 0 } = layout;
    let rest = writePes(piece, layout);
    for (let index = 0; rest.length > 0; index++) {
      const clock = index === 0 && pcr !== undefined ? pcrField(pcr) : new Uint8Array(0);
      const extra = stuffing(index);
      const field = adaptationField(clock, { extra, payload: rest.length });
      const room = 184 - field.length;
      this.#packet(pid, { payload: rest.subarray(0, room), unitStart: index === 0, field });
      rest = rest.subarray(room);
    }
  }

  /** A null packet. */
  null(): void {
    const packet = new Uint8Array(188).fill(0xFF);
    packet.set([0x47, 0x1F, 0xFF, 0x10]);
    this.#packets.push(packet);
  }

  /** A packet that is written already. */
  packet(packet: Uint8Array): void {
    this.#packets.push(packet);
  }

  /** The last packet once more. */
  repeat(): void {
    this.#packets.push(this.#packets.at(-1)!.slice());
  }

  #packet(
    pid: number,
    parts: { payload: Uint8Array; unitStart: boolean; field: Uint8Array },
  ): void {
    const { payload, unitStart, field } = parts;
    const counter = (this.#continuity.get(pid) ?? -1) + 1 & 15;
    this.#continuity.set(pid, counter);
    const control = field.length > 0 ? 0x30 : 0x10;
    const header = [0x47, (unitStart ? 0x40 : 0) | pid >> 8, pid & 0xFF, control | counter];
    this.#packets.push(concatBytes([Uint8Array.from(header), field, payload]));
  }
}

/** A program association section. */
export function patSection(programs: readonly (readonly [number, number])[]): Uint8Array {
  const body = programs.flatMap(([number, pid]) => [
    number >> 8,
    number & 0xFF,
    0xE0 | pid >> 8,
    pid & 0xFF,
  ]);
  return section(0x00, { extension: 1, body });
}

/** A program map section; the clock is on the first stream. */
export function pmtSection(
  streams: readonly (readonly [type: number, pid: number])[],
  { program = 1 } = {},
): Uint8Array {
  const pcrPid = streams[0]![1];
  const entries = streams.flatMap(([type, pid]) => [type, 0xE0 | pid >> 8, pid & 0xFF, 0xF0, 0]);
  const body = [0xE0 | pcrPid >> 8, pcrPid & 0xFF, 0xF0, 0, ...entries];
  return section(0x02, { extension: program, body });
}

/** The service description that ffmpeg's muxer writes. */
export function ffmpegSdtSection(): Uint8Array {
  const text = (value: string): number[] => [
    value.length,
    ...[...value].map((letter) => letter.charCodeAt(0)),
  ];
  const service = [1, ...text("FFmpeg"), ...text("Service01")];
  const loop = [0x48, service.length, ...service];
  const body = [0xFF, 0x01, 0xFF, 0, 1, 0xFC, 0x80, loop.length, ...loop];
  return section(0x42, { extension: 1, body });
}

function section(tableId: number, fields: { extension: number; body: number[] }): Uint8Array {
  const { extension, body } = fields;
  const length = 5 + body.length + 4;
  const bytes = [tableId, 0xB0 | length >> 8, length & 0xFF];
  bytes.push(extension >> 8, extension & 0xFF, 0xC1, 0, 0, ...body);
  const crc = crc32(bytes);
  return Uint8Array.from([...bytes, crc >>> 24, crc >>> 16 & 255, crc >>> 8 & 255, crc & 255]);
}

function crc32(bytes: readonly number[]): number {
  let crc = 0xFFFFFFFF;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc << 1 ^ (crc < 0 ? 0x04C11DB7 : 0);
  }
  return crc;
}

function writePes(piece: PesPiece, layout: PesLayout): Uint8Array {
  const { payload, pts, dts } = piece;
  const { streamId = 0xE0, sized = false, aligned = false, headerStuffing = 0 } = layout;
  const hasDts = pts !== undefined && dts !== undefined && dts !== pts;
  const stamps = pts === undefined
    ? []
    : hasDts
    ? [...timestamp(3, pts), ...timestamp(1, dts)]
    : timestamp(2, pts);
  const { extensionId } = layout;
  const extension = extensionId === undefined ? [] : [0x0F, 0x81, extensionId];
  const head = [...stamps, ...extension, ...new Array<number>(headerStuffing).fill(0xFF)];
  const length = 3 + head.length + payload.length;
  const coded = sized && length <= 0xFFFF ? length : 0;
  const flags = (pts === undefined ? 0 : hasDts ? 0xC0 : 0x80) |
    (extensionId === undefined ? 0 : 1);
  const start = [0, 0, 1, streamId, coded >> 8, coded & 0xFF, aligned ? 0x84 : 0x80, flags];
  return concatBytes([Uint8Array.from([...start, head.length, ...head]), payload]);
}

function timestamp(prefix: number, ticks: number): number[] {
  const high = Math.floor(ticks / 2 ** 30) & 7;
  const low = ticks % 2 ** 30;
  return [
    prefix << 4 | high << 1 | 1,
    low >> 22,
    low >> 14 & 0xFE | 1,
    low >> 7 & 0xFF,
    (low & 0x7F) << 1 | 1,
  ];
}

/** Flags and `program_clock_reference` of an adaptation field. */
function pcrField(pcr: number): Uint8Array {
  const base = pcr % 2 ** 33;
  const high = Math.floor(base / 2);
  return Uint8Array.of(
    0x10,
    high >>> 24 & 255,
    high >>> 16 & 255,
    high >>> 8 & 255,
    high & 255,
    base % 2 << 7 | 0x7E,
    0,
  );
}

/** The field with its length byte, stuffed by `extra` and to leave no room behind the payload. */
function adaptationField(
  fields: Uint8Array,
  options: { extra: number; payload: number },
): Uint8Array {
  const needed = fields.length > 0 ? 1 + fields.length : 0;
  const wanted = Math.max(needed + options.extra, 184 - options.payload);
  if (wanted === 0) return new Uint8Array(0);
  const field = new Uint8Array(wanted).fill(0xFF);
  field[0] = wanted - 1;
  if (wanted > 1) field[1] = 0;
  field.set(fields, 1);
  return field;
}

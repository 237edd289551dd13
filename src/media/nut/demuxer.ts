/**
 * Reading NUT: what comes out of an ffmpeg child (NUT specification, versions 2 to 4). Push-based:
 * any split of the input into chunks gives the same packets.
 *
 * @module
 */

import { concatBytes } from "../../base/bytes.ts";
import { MediaError } from "../../base/errors.ts";
import { type Rational, sameRational } from "../../base/rational.ts";
import { NeedMoreBytes, NutCursor } from "./nut_cursor.ts";
import { crc32 } from "../crc32.ts";
import { type FrameHeader, readFrameHeader, type StreamState } from "./frame_header.ts";
import {
  type MainHeader,
  type NutStreamInfo,
  parseMainHeader,
  parseStreamHeader,
  type StreamHeader,
} from "./headers.ts";
import { skipSideData } from "./side_data.ts";
import {
  FILE_ID,
  FrameFlag,
  HEADER_CHECKSUM_ABOVE,
  INDEX_START_CODE,
  INFO_START_CODE,
  MAIN_START_CODE,
  START_CODE_BYTE,
  type StartCode,
  STREAM_START_CODE,
  SYNCPOINT_START_CODE,
} from "./tables.ts";

const START_CODES = [
  MAIN_START_CODE,
  STREAM_START_CODE,
  SYNCPOINT_START_CODE,
  INFO_START_CODE,
  INDEX_START_CODE,
];
// Headers are held whole until they are complete; extradata is the only large thing in them.
const MAX_HEADER_BYTES = 2 << 20;
const HOLD_STEP_BYTES = 64;

/** All stream headers were read. */
export interface NutStreamsEvent {
  readonly kind: "streams";
  /** In the order of their indices. */
  readonly streams: readonly NutStreamInfo[];
}

/** One packet. */
export interface NutPacketEvent {
  readonly kind: "packet";
  readonly streamIndex: number;
  /** In ticks of the stream's time base. */
  readonly ptsTicks: number;
  readonly keyframe: boolean;
  /** In memory that came from the allocator: the reader's own. */
  readonly data: Uint8Array;
}

/** What comes out of a {@linkcode NutDemuxer}. */
export type NutEvent = NutStreamsEvent | NutPacketEvent;

/** Options of a {@linkcode NutDemuxer}. */
export interface NutDemuxerOptions {
  /** Gives the memory for a packet: exactly `bytes` long. @default a new array */
  readonly allocate?: (bytes: number) => Uint8Array;
  /** The largest packet accepted. @default 67_108_864 */
  readonly maxPacketBytes?: number;
}

/** What a {@linkcode NutDemuxer} counts. */
export interface NutDemuxerStats {
  /** How often damage was skipped up to the next start code. */
  readonly resyncs: number;
  /** Bytes read so far. */
  readonly bytes: number;
}

interface Payload {
  readonly header: FrameHeader;
  readonly memory: Uint8Array;
  filled: number;
}

/**
 * Reads NUT from chunks. A packet's payload is copied once, from the chunk into memory from
 * `allocate`; a source that can read into given memory saves even that, with
 * {@linkcode NutDemuxer.wanted} and {@linkcode NutDemuxer.advance}.
 *
 * Damage before the headers are complete throws a `MediaError` (`MEDIA_BAD_CONTAINER`, with the
 * offset); later damage is counted and skipped up to the next start code.
 */
export class NutDemuxer {
  readonly #allocate: (bytes: number) => Uint8Array;
  readonly #maxPacketBytes: number;
  #state: "file-id" | "element" | "payload" | "skip" | "resync" = "file-id";
  #held: Uint8Array = new Uint8Array(0);
  #main: MainHeader | undefined;
  #headers: StreamHeader[] = [];
  #streams: StreamState[] | undefined;
  #payload: Payload | undefined;
  #skipBytes = 0;
  #scanned: StartCode = { high: 0, low: 0 };
  #resyncs = 0;
  #offset = 0;

  /** Creates a demuxer at the start of a file. */
  constructor(options: NutDemuxerOptions = {}) {
    this.#allocate = options.allocate ?? ((bytes) => new Uint8Array(bytes));
    this.#maxPacketBytes = options.maxPacketBytes ?? 64 << 20;
  }

  /** Counters so far. */
  get stats(): NutDemuxerStats {
    return { resyncs: this.#resyncs, bytes: this.#offset };
  }

  /** Memory that the next bytes of the input belong in, while inside a payload; else undefined. */
  get wanted(): Uint8Array | undefined {
    const payload = this.#payload;
    return payload?.memory.subarray(payload.filled);
  }

  /** Says that `count` bytes were read into {@linkcode wanted}; the packet when it is complete. */
  advance(count: number): NutPacketEvent | undefined {
    const payload = this.#payload;
    if (payload === undefined) throw new TypeError("Cannot advance: no payload is being read");
    payload.filled += count;
    this.#offset += count;
    return payload.filled < payload.memory.length ? undefined : this.#finishPayload(payload);
  }

  /** Takes the next bytes, which are not kept; returns what is complete. */
  push(chunk: Uint8Array): NutEvent[] {
    const events: NutEvent[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload !== undefined) {
        const part = chunk.subarray(at, at + this.wanted!.length);
        this.wanted!.set(part);
        at += part.length;
        const packet = this.advance(part.length);
        if (packet !== undefined) events.push(packet);
      } else if (this.#state === "skip") {
        const count = Math.min(this.#skipBytes, chunk.length - at);
        at += this.#consumed(count);
        this.#skipBytes -= count;
        if (this.#skipBytes === 0) this.#state = "element";
      } else if (this.#state === "resync") {
        at += this.#scan(chunk.subarray(at));
      } else {
        at += this.#parse(chunk.subarray(at), events);
      }
    }
    return events;
  }

  /** Says that the input has ended. Throws a `MediaError` when it ended inside something. */
  end(): void {
    const inside = this.#payload !== undefined || this.#held.length > 0 || this.#skipBytes > 0;
    if (!inside && this.#streams !== undefined) return;
    const where = this.#payload === undefined ? "header" : "packet";
    throw new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot read NUT: it ends inside a ${where} at byte ${this.#offset}; the writer was cut off`,
      { context: { offset: this.#offset } },
    );
  }

  /** Parses one element from what is held and the new bytes; returns how many new ones it used. */
  #parse(fresh: Uint8Array, events: NutEvent[]): number {
    const before = this.#held.length;
    let input = fresh;
    if (before > 0) {
      // A step at a time: only the few bytes around a split are ever copied.
      input = new Uint8Array(before + Math.min(fresh.length, Math.max(HOLD_STEP_BYTES, before)));
      input.set(this.#held);
      input.set(fresh.subarray(0, input.length - before), before);
    }
    const cursor = new NutCursor(input, { baseOffset: this.#offset - before, complete: false });
    try {
      if (this.#state === "file-id") this.#readFileId(cursor);
      else this.#readElement(cursor, events);
      this.#held = NOTHING;
      return this.#consumed(cursor.position - before);
    } catch (error) {
      if (error instanceof NeedMoreBytes) {
        if (input.length > MAX_HEADER_BYTES) throw cursor.damage("a header that does not end");
        this.#held = input === fresh ? fresh.slice() : input;
        return this.#consumed(input.length - before);
      }
      // Before the headers are whole there is nothing to resynchronise to.
      if (!(error instanceof MediaError) || this.#streams === undefined) throw error;
      return this.#startResync(input, before, events);
    }
  }

  /** Searches on after the first byte of what turned out to be damaged. */
  #startResync(input: Uint8Array, before: number, events: NutEvent[]): number {
    this.#resyncs++;
    this.#state = "resync";
    this.#scanned = { high: 0, low: 0 };
    this.#held = NOTHING;
    this.#offset -= before - 1;
    const rest = input.subarray(1);
    if (before === 0) return 1 + this.#scan(rest);
    // What was held is read again, together with the few new bytes next to it.
    for (const event of this.push(rest)) events.push(event);
    return input.length - before;
  }

  #scan(fresh: Uint8Array): number {
    return this.#consumed(this.#search(fresh));
  }

  /** Looks for a start code; when found it is held, as if just read. Returns the bytes used. */
  #search(bytes: Uint8Array): number {
    let { high, low } = this.#scanned;
    for (let i = 0; i < bytes.length; i++) {
      high = (high << 8 | low >>> 24) >>> 0;
      low = (low << 8 | bytes[i]!) >>> 0;
      if (!START_CODES.some((code) => code.high === high && code.low === low)) continue;
      const found = new Uint8Array(8);
      const view = new DataView(found.buffer);
      view.setUint32(0, high);
      view.setUint32(4, low);
      this.#held = found;
      this.#state = "element";
      return i + 1;
    }
    this.#scanned = { high, low };
    return bytes.length;
  }

  #readFileId(cursor: NutCursor): void {
    for (const expected of FILE_ID) {
      const found = cursor.peek();
      if (found !== undefined && found !== expected) {
        throw cursor.damage("something other than the NUT file id");
      }
      cursor.readU8();
    }
    this.#state = "element";
  }

  #readElement(cursor: NutCursor, events: NutEvent[]): void {
    if (cursor.peek() === START_CODE_BYTE) this.#readPacket(cursor, events);
    else this.#readFrame(cursor, events);
  }

  #readPacket(cursor: NutCursor, events: NutEvent[]): void {
    const start = cursor.position;
    const high = cursor.readU32();
    const low = cursor.readU32();
    const code = START_CODES.find((code) => code.high === high && code.low === low);
    if (code === undefined) throw cursor.damage("an unknown start code");
    const forwardPointer = cursor.v();
    if (forwardPointer > HEADER_CHECKSUM_ABOVE) {
      const expected = crc32(cursor.since(start));
      if (cursor.readU32() !== expected) {
        throw cursor.damage("a packet header with a wrong checksum");
      }
    }
    if (code === INDEX_START_CODE || code === INFO_START_CODE) {
      this.#skipBytes = forwardPointer;
      if (forwardPointer > 0) this.#state = "skip";
      return;
    }
    if (forwardPointer < 4 || forwardPointer > MAX_HEADER_BYTES) {
      throw cursor.damage(`a header of ${forwardPointer} bytes`);
    }
    const baseOffset = cursor.offset;
    const packet = cursor.readBytes(forwardPointer);
    if (crc32(packet) !== 0) throw cursor.damage("a header with a wrong checksum");
    const payload = packet.subarray(0, packet.length - 4);
    this.#readHeader(code, new NutCursor(payload, { baseOffset, complete: true }), events);
  }

  #readHeader(code: StartCode, payload: NutCursor, events: NutEvent[]): void {
    if (code === SYNCPOINT_START_CODE) return this.#readSyncpoint(payload);
    // Writers repeat the headers now and then: the first ones count.
    if (this.#streams !== undefined) return;
    if (code === MAIN_START_CODE) {
      this.#main ??= parseMainHeader(payload);
      return;
    }
    const main = this.#main;
    if (main === undefined) throw payload.damage("a stream header before the main header");
    const header = parseStreamHeader(payload, main);
    this.#headers[header.id] ??= header;
    if (Object.keys(this.#headers).length < main.streamCount) return;
    this.#streams = this.#headers.map((header) => ({ header, lastPtsTicks: 0 }));
    events.push({ kind: "streams", streams: this.#headers.map((header) => header.info) });
  }

  #readSyncpoint(payload: NutCursor): void {
    const main = this.#main;
    if (main === undefined || this.#streams === undefined) {
      throw payload.damage("a syncpoint before the headers");
    }
    const globalKeyPts = payload.v();
    payload.skipNumber(); // back_ptr_div16
    const count = main.timeBases.length;
    const timeBase = main.timeBases[globalKeyPts % count]!;
    const ticks = Math.floor(globalKeyPts / count);
    for (const stream of this.#streams) {
      stream.lastPtsTicks = rescaleDown(ticks, timeBase, stream.header.info.timeBase);
    }
  }

  #readFrame(cursor: NutCursor, events: NutEvent[]): void {
    const main = this.#main;
    const streams = this.#streams;
    if (main === undefined || streams === undefined) {
      throw cursor.damage("a frame before the headers");
    }
    const header = readFrameHeader(cursor, { main, streams, maxBytes: this.#maxPacketBytes });
    const memory = this.#allocate(header.wireBytes);
    const payload = { header, memory, filled: 0 };
    this.#payload = payload;
    this.#state = "payload";
    if (header.wireBytes > 0) return;
    const packet = this.#finishPayload(payload);
    if (!(header.flags & FrameFlag.EOR)) events.push(packet);
  }

  #finishPayload({ header, memory }: Payload): NutPacketEvent {
    this.#payload = undefined;
    this.#state = "element";
    let data = memory;
    if (header.flags & FrameFlag.SM_DATA) {
      const baseOffset = this.#offset - memory.length;
      const cursor = new NutCursor(memory, { baseOffset, complete: true });
      skipSideData(cursor);
      data = memory.subarray(cursor.position);
    }
    if (header.elided.length > 0) data = concatBytes([header.elided, data]);
    const keyframe = (header.flags & FrameFlag.KEY) !== 0;
    const { streamIndex, ptsTicks } = header;
    return { kind: "packet", streamIndex, ptsTicks, keyframe, data };
  }

  #consumed(count: number): number {
    this.#offset += count;
    return count;
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);

/** `convert_ts`: rounds down. */
function rescaleDown(ticks: number, from: Rational, to: Rational): number {
  if (sameRational(from, to)) return ticks;
  const num = BigInt(from.num) * BigInt(to.den);
  return Number(BigInt(ticks) * num / (BigInt(from.den) * BigInt(to.num)));
}

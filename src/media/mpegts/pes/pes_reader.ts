/**
 * Takes one PID's packets apart: PES headers, and the bytes of the elementary stream.
 *
 * Spec: ISO/IEC 13818-1 sections 2.4.3.3 (continuity counter, duplicates) and 2.4.3.7 (PES length).
 */

import { isStuffed, payloadStart, signalsDiscontinuity } from "../packets/adaptation.ts";
import { type Continuity, ContinuityCounter } from "./continuity.ts";
import { MAX_PES_HEADER_BYTES, parsePesHeader, PES_FIXED_BYTES, PES_PREFIX_BYTES } from "./pes.ts";
import type { DemuxCounters } from "../stats.ts";
import { STREAM_ID, TS_PACKET_BYTES } from "../numbers.ts";

/**
 * What says that a PES packet ends: `"length"`, its own length; `"stuffing"`, a packet with stuffing
 * where there is no length; `"stuffed-first"`, the same in the first packet, which muxers also stuff
 * for other reasons. Only the first is certain.
 */
export type PesEnd = "length" | "stuffing" | "stuffed-first";

/** The times in a PES header, 33 bits each. */
export interface PesStamp {
  /** Undefined when the header has none. */
  readonly pts: number | undefined;
  readonly dts: number | undefined;
  /** Whether the payload begins with an access unit, as the header says. */
  readonly aligned: boolean;
  /** Which of several streams on one PID it is of, where the header says that. */
  readonly extensionId: number | undefined;
}

/** What a {@linkcode PesReader} reports to. */
export interface PesReaderSink {
  /** A PES packet begins; what came before is of the one before. */
  begin(stamp: PesStamp): void;
  /** The next bytes of its payload: those of `data` from `from` to `to`, during the call. */
  payload(data: Uint8Array, from: number, to: number): void;
  /** It seems to end here. More payload may follow unless the end is its `"length"`. */
  end(kind: PesEnd): void;
  /** Payload is missing here. */
  lost(): void;
  /** Whether the piece of payload that came last is these bytes. */
  endsWith(data: Uint8Array, from: number, to: number): boolean;
}

/** `"seeking"`: no PES has started; `"head"`: its header is being read; `"done"`: its length came. */
type State = "seeking" | "head" | "open" | "done";

/** The least payload that tells a repeated packet from another. */
const MIN_REPEATED_BYTES = 16;

/** Reads the packets of one PID. */
export class PesReader {
  readonly #sink: PesReaderSink;
  readonly #counters: DemuxCounters;
  #state: State = "seeking";
  /** The header, where it does not lie in one packet. */
  readonly #head = new Uint8Array(MAX_PES_HEADER_BYTES);
  #headBytes = 0;
  /** Payload bytes to come; -1 when the header does not say. */
  #left = -1;
  readonly #continuity = new ContinuityCounter();
  #forgiving = false;
  #lastPayloadBytes = 0;
  /** Bytes behind the header of the packet before, and whether a PES packet began with it. */
  #lastShape = { bytes: 0, unitStart: false };
  /** What stood behind the end of a PES packet by its length. */
  #excess: Uint8Array | undefined;
  /** Whether packets that are marked as scrambled are not. */
  #marksAreFalse = false;

  /** Creates a reader in front of a stream. */
  constructor(options: { sink: PesReaderSink; counters: DemuxCounters }) {
    this.#sink = options.sink;
    this.#counters = options.counters;
  }

  /** Takes the packet at `at` of `data`, which is of this PID and without transport error. */
  packet(data: Uint8Array, at: number): void {
    const control = data[at + 3]!;
    if ((control & 0x10) === 0) return this.#continuity.field(control & 15);
    const start = payloadStart(data, at);
    if ((control & 0xC0) !== 0 && !this.#isClear(data, at, start)) {
      this.#counters.scrambled++;
      return;
    }
    const end = at + TS_PACKET_BYTES;
    if (start > end) {
      this.#counters.transportErrors++;
      return;
    }
    const unitStart = (data[at + 1]! & 0x40) !== 0;
    const continuity = this.#continuity.take(control & 15, unitStart);
    const follows = continuity === "follows" || signalsDiscontinuity(data, at);
    if (!follows && !this.#isNew(data, { at, start, unitStart, continuity })) return;
    this.#forgiving = false;
    this.#lastPayloadBytes = 0;
    this.#lastShape = { bytes: end - start, unitStart };
    let from = start;
    if (unitStart) {
      this.#state = "head";
      this.#headBytes = 0;
      this.#dropExcess();
    }
    if (this.#state === "head") from = this.#readHead(data, start, end);
    if (this.#state === "done" && !unitStart && this.#excess !== undefined) this.#reopen();
    if (this.#state !== "open") {
      this.#counters.strayBytes += end - from;
      return;
    }
    this.#take(data, from, end);
    const hinted = this.#state === "open" && this.#left < 0 && (control & 0x20) !== 0 &&
      isStuffed(data, at);
    if (hinted) this.#sink.end(unitStart ? "stuffed-first" : "stuffing");
  }

  /** A segment was joined on here: a counter that starts anew with a new PES is no loss. */
  forgiveContinuity(): void {
    this.#forgiving = true;
  }

  /** The segment ends here, and goes on with the next one, unless counters start anew there. */
  nextSegment(): void {
    this.#forgiving = true;
  }

  /** The stream ends here. */
  finish(): void {
    this.reset();
  }

  /** Forgets what is incomplete: the next packet need not follow the last. */
  reset(): void {
    this.#state = "seeking";
    this.#continuity.restart();
    this.#forgiving = false;
    this.#dropExcess();
  }

  /** Whether a packet that is marked as scrambled holds a PES header: then neither it nor the next are. */
  #isClear(data: Uint8Array, at: number, start: number): boolean {
    if ((data[at + 1]! & 0x40) === 0) return this.#marksAreFalse;
    this.#marksAreFalse = start + 3 < at + TS_PACKET_BYTES && data[start] === 0 &&
      data[start + 1] === 0 && data[start + 2] === 1 && data[start + 3]! >= STREAM_ID.PRIVATE_1;
    return this.#marksAreFalse;
  }

  /** Senders exist whose lengths are too small: what follows belongs to the PES packet nevertheless. */
  #reopen(): void {
    const excess = this.#excess!;
    this.#excess = undefined;
    this.#state = "open";
    this.#left = -1;
    if (excess.length > 0) this.#sink.payload(excess, 0, excess.length);
  }

  #dropExcess(): void {
    this.#counters.strayBytes += this.#excess?.length ?? 0;
    this.#excess = undefined;
  }

  /** Whether a packet that does not follow by its counter counts: one that is repeated does not. */
  #isNew(
    data: Uint8Array,
    packet: { at: number; start: number; unitStart: boolean; continuity: Continuity },
  ): boolean {
    const forgiven = this.#forgiving && packet.unitStart;
    this.#forgiving = false;
    if (packet.continuity === "same" && this.#isRepeated(data, packet)) {
      this.#counters.duplicates++;
      return false;
    }
    if (forgiven) return true;
    this.#counters.continuityErrors++;
    if (!this.#continuity.isGap()) return true;
    this.#state = "seeking";
    this.#dropExcess();
    this.#sink.lost();
    return true;
  }

  #isRepeated(
    data: Uint8Array,
    { at, start, unitStart }: { at: number; start: number; unitStart: boolean },
  ): boolean {
    const bytes = this.#lastPayloadBytes;
    const end = at + TS_PACKET_BYTES;
    const shape = this.#lastShape;
    if (shape.unitStart !== unitStart || shape.bytes !== end - start) return false;
    // A few bytes are soon the same, unless a time is among them.
    const isTold = bytes >= MIN_REPEATED_BYTES || this.#continuity.seemsRight ||
      unitStart && this.#isSameTimedHead(data, start);
    if (!isTold) return false;
    return bytes > 0 && bytes <= TS_PACKET_BYTES && this.#sink.endsWith(data, end - bytes, end);
  }

  /** Whether the header of the PES packet that is read has a time, and begins once more at `start`. */
  #isSameTimedHead(data: Uint8Array, start: number): boolean {
    const head = this.#head.subarray(0, this.#headBytes);
    return head[7]! >= 0x80 && head.every((byte, index) => byte === data[start + index]);
  }

  /** Reads the header, or the next part of it; returns where the payload begins. */
  #readHead(data: Uint8Array, start: number, end: number): number {
    let from = start;
    while (from < end && this.#headBytes < this.#wantedHeadBytes()) {
      this.#head[this.#headBytes++] = data[from++]!;
    }
    if (this.#headBytes < this.#wantedHeadBytes()) return from;
    const header = parsePesHeader(this.#head.subarray(0, this.#headBytes));
    if (header === undefined) {
      this.#state = "seeking";
      if (this.#head[3] === STREAM_ID.PADDING) return from;
      this.#counters.corruptPes++;
      this.#sink.lost();
      return from;
    }
    const length = this.#head[4]! << 8 | this.#head[5]!;
    const left = PES_PREFIX_BYTES + length - this.#headBytes;
    this.#left = length === 0 ? -1 : Math.max(0, left);
    this.#state = "open";
    const { pts, dts, aligned, extensionId } = header;
    this.#sink.begin({ pts, dts, aligned, extensionId });
    return from;
  }

  #wantedHeadBytes(): number {
    return this.#headBytes < PES_FIXED_BYTES ? PES_FIXED_BYTES : PES_FIXED_BYTES + this.#head[8]!;
  }

  #take(data: Uint8Array, from: number, end: number): void {
    if (this.#left < 0) {
      this.#lastPayloadBytes = end - from;
      if (end > from) this.#sink.payload(data, from, end);
      return;
    }
    const to = Math.min(end, from + this.#left);
    this.#left -= to - from;
    this.#lastPayloadBytes = to === end ? to - from : 0;
    if (to > from) this.#sink.payload(data, from, to);
    if (this.#left > 0) return;
    this.#state = "done";
    this.#excess = data.slice(to, end);
    this.#sink.end("length");
  }
}

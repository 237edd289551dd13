/**
 * Joins the payloads of one PID's packets into PES packets.
 *
 * Spec: ISO/IEC 13818-1 sections 2.4.3.3 (continuity counter, duplicates) and 2.4.3.7 (PES length).
 */

import { isStuffed, payloadStart, signalsDiscontinuity } from "./adaptation.ts";
import { parsePesHeader, PES_PREFIX_BYTES } from "./pes.ts";
import { SlabWriter } from "./slab_writer.ts";
import type { DemuxCounters } from "./stats.ts";
import { TS_PACKET_BYTES } from "./tables.ts";

/** The largest PES packet that is put together. */
const MAX_PES_BYTES = 8 * 1024 * 1024;

/** One PES packet's payload and its 33-bit times. */
export interface PesUnit {
  readonly payload: Uint8Array;
  /** Undefined when the header has none, and for the rest of a unit that was ended too early. */
  readonly pts: number | undefined;
  readonly dts: number | undefined;
}

/** What a {@linkcode PesAssembler} reports to. */
export interface PesSink {
  /** A PES packet is whole. The payload stays valid. */
  pes(unit: PesUnit): void;
  /** Packets are missing. */
  lost(): void;
}

/**
 * `"seeking"`: no PES has started yet; `"open"`: one is being read; `"rest"`: what follows one that
 * was ended too early; `"hinted"`: one was ended by stuffing, and more of it would be a surprise;
 * `"done"`: one was ended by its length.
 */
type State = "seeking" | "open" | "rest" | "hinted" | "done";

/**
 * Assembles PES packets. One ends when its length says so; where it has no length, with a packet
 * that holds stuffing (which saves waiting for the next one), or when the next one starts.
 */
export class PesAssembler {
  readonly #sink: PesSink;
  readonly #counters: DemuxCounters;
  readonly #slab: SlabWriter;
  #state: State = "seeking";
  /** Bytes of the whole PES packet; 0 when its header does not say, -1 before that was read. */
  #expected = -1;
  #continuity = -1;
  #forgiving = false;
  #stuffingEnds = true;

  /** Creates an assembler; `slabBytes` is the size of the buffers that units share. */
  constructor(options: { sink: PesSink; counters: DemuxCounters; slabBytes: number }) {
    this.#sink = options.sink;
    this.#counters = options.counters;
    this.#slab = new SlabWriter(options.slabBytes);
  }

  /** Takes the packet at `at` of `data`, which is of this PID and without transport error. */
  packet(data: Uint8Array, at: number): void {
    const control = data[at + 3]!;
    if ((control & 0xC0) !== 0) {
      this.#counters.scrambled++;
      return;
    }
    if ((control & 0x10) === 0) return; // no payload: the continuity counter stands still
    const start = payloadStart(data, at);
    const end = at + TS_PACKET_BYTES;
    if (start > end) {
      this.#counters.transportErrors++;
      return;
    }
    const unitStart = (data[at + 1]! & 0x40) !== 0;
    if (!this.#checkContinuity(data, { at, start, unitStart })) return;
    if (unitStart) this.#begin();
    this.#append(data, { at, start, end });
  }

  /** A segment was joined on here: a counter that starts anew with a new PES is no loss. */
  forgiveContinuity(): void {
    this.#forgiving = true;
  }

  /** Hands on what is complete as far as one can tell: the stream or segment ends here. */
  finish(): void {
    if (this.#state === "open" && this.#expected !== 0) this.#drop();
    else if (this.#state === "open" || this.#state === "rest") this.#emit();
    this.#state = "seeking";
    this.#continuity = -1;
  }

  /** Drops what is incomplete: the next packet need not follow the last. */
  reset(): void {
    if (this.#state === "open" || this.#state === "rest") this.#drop();
    this.#state = "seeking";
    this.#continuity = -1;
  }

  /** Returns whether the packet counts: a duplicate does not. */
  #checkContinuity(
    data: Uint8Array,
    packet: { at: number; start: number; unitStart: boolean },
  ): boolean {
    const { at, start, unitStart } = packet;
    const counter = data[at + 3]! & 15;
    const previous = this.#continuity;
    const forgiven = this.#forgiving && unitStart;
    this.#forgiving = false;
    const follows = previous < 0 || counter === (previous + 1 & 15);
    if (follows || forgiven || signalsDiscontinuity(data, at)) {
      this.#continuity = counter;
      return true;
    }
    if (counter === previous && this.#slab.endsWith(data, start, at + TS_PACKET_BYTES)) {
      this.#counters.duplicates++;
      return false;
    }
    this.#continuity = counter;
    this.#counters.continuityErrors++;
    if (this.#state === "open" || this.#state === "rest") this.#drop();
    this.#state = "seeking";
    this.#sink.lost();
    return true;
  }

  #begin(): void {
    // Without a gap in the counters, a PES shorter than its length is one whose length is wrong.
    if (this.#state === "open" || this.#state === "rest") this.#emit();
    this.#state = "open";
    this.#expected = -1;
    this.#slab.begin();
  }

  #append(data: Uint8Array, packet: { at: number; start: number; end: number }): void {
    const { at, start, end } = packet;
    if (this.#state === "seeking" || this.#state === "done") {
      this.#counters.strayBytes += end - start;
      return;
    }
    if (this.#state === "hinted") this.#resume();
    if (this.#slab.length + end - start > MAX_PES_BYTES) {
      this.#drop();
      this.#state = "seeking";
      return;
    }
    this.#slab.append(data, start, end);
    if (this.#state === "rest") return;
    if (this.#expected < 0 && !this.#readLength()) return;
    if (this.#expected > 0) {
      if (this.#slab.length >= this.#expected) this.#emit();
    } else if (this.#stuffingEnds && (data[at + 3]! & 0x20) !== 0 && isStuffed(data, at)) {
      this.#emit();
      this.#state = "hinted";
    }
  }

  /** More of a unit that stuffing seemed to end: this muxer pads in the middle too. */
  #resume(): void {
    this.#counters.falseEnds++;
    this.#stuffingEnds = false;
    this.#state = "rest";
    this.#slab.begin();
  }

  /** Reads `PES_packet_length` once it is there; returns whether it is. */
  #readLength(): boolean {
    if (this.#slab.length < PES_PREFIX_BYTES) return false;
    const prefix = this.#slab.view();
    if (prefix[0] !== 0 || prefix[1] !== 0 || prefix[2] !== 1) {
      this.#drop();
      this.#state = "seeking";
      return false;
    }
    const length = prefix[4]! << 8 | prefix[5]!;
    this.#expected = length === 0 ? 0 : PES_PREFIX_BYTES + length;
    return true;
  }

  #emit(): void {
    const rest = this.#state === "rest";
    this.#state = "done";
    const bytes = this.#slab.view();
    if (rest) {
      this.#sink.pes({ payload: bytes, pts: undefined, dts: undefined });
      return;
    }
    const whole = this.#expected > 0 ? bytes.subarray(0, this.#expected) : bytes;
    this.#counters.strayBytes += bytes.length - whole.length;
    const header = parsePesHeader(whole);
    if (header === undefined) {
      this.#counters.corruptPes++;
      return;
    }
    const { pts, dts, headerBytes } = header;
    if (headerBytes === whole.length) return;
    this.#sink.pes({ payload: whole.subarray(headerBytes), pts, dts });
  }

  #drop(): void {
    this.#counters.corruptPes++;
    this.#slab.begin();
  }
}

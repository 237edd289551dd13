/**
 * Finding packets in bytes.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.3.2 (188 bytes); Blu-ray BDAV and AVCHD put a time stamp of 4
 * bytes in front of each packet (192); DVB (ETSI EN 300 429) puts 16 bytes of Reed-Solomon code behind
 * (204).
 */

import { concatBytes } from "../../../base/bytes.ts";
import { SYNC_BYTE, TS_PACKET_BYTES } from "../numbers.ts";

/** After damage, and where packets are not of 188 bytes, so many sync bytes in a row are needed. */
const SYNCS_NEEDED = 3;

/** How packets follow each other: plain ones, with a time stamp, with a code. */
const STAMPED_PACKET_BYTES = 192;
const CODED_PACKET_BYTES = 204;
const STRIDES: readonly number[] = [TS_PACKET_BYTES, STAMPED_PACKET_BYTES, CODED_PACKET_BYTES];

/** Bytes from the first to the last of those sync bytes, with the longest stride. */
const LOOKAHEAD_BYTES = (SYNCS_NEEDED - 1) * CODED_PACKET_BYTES;

/** What a {@linkcode PacketAligner} hands packets to. */
export interface PacketSink {
  /** A whole packet lies at `at` of `data`; both are only valid during the call. */
  packet(data: Uint8Array, at: number): void;
}

/**
 * Cuts a byte stream into 188-byte packets, whatever its chunks are, and finds the next packet
 * after damage. Whole packets are handed on where they lie in the chunk, without a copy. What lies
 * between packets of 192 or 204 bytes is passed over.
 */
export class PacketAligner {
  readonly #sink: PacketSink;
  readonly #carry = new Uint8Array(LOOKAHEAD_BYTES + TS_PACKET_BYTES);
  #carried = 0;
  /** Bytes between the last packet and the next one that have not come yet. */
  #ahead = 0;
  #stride = TS_PACKET_BYTES;
  #isStrideKnown = false;
  #synced = true;
  #resyncs = 0;
  #skippedBytes = 0;

  /** Creates an aligner in front of `sink`. */
  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** How often a sync byte was not where it should be. */
  get resyncs(): number {
    return this.#resyncs;
  }

  /** Bytes passed over in search of a packet. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Bytes until the packet begins that follows an incomplete one; 0 when none is incomplete. */
  get missingBytes(): number {
    if (!this.#synced || this.#carried === 0 && this.#ahead === this.leadBytes) return 0;
    return this.#carried > 0 ? this.#stride - this.#carried : this.#ahead;
  }

  /** Bytes from one packet to the next. */
  get strideBytes(): number {
    return this.#stride;
  }

  /** Bytes in front of the first packet of a segment: a time stamp. */
  get leadBytes(): number {
    return this.#stride === STAMPED_PACKET_BYTES ? STAMPED_PACKET_BYTES - TS_PACKET_BYTES : 0;
  }

  /** Takes the next bytes. The chunk is not kept. */
  push(chunk: Uint8Array): void {
    if (this.#ahead >= chunk.length) {
      this.#ahead -= chunk.length;
      return;
    }
    let data = chunk;
    let at = this.#ahead;
    this.#ahead = 0;
    if (this.#carried > 0) {
      if (this.#synced) {
        at = this.#fill(chunk);
        if (this.#carried < TS_PACKET_BYTES) return;
      }
      if (this.#synced && this.#carry[0] === SYNC_BYTE) {
        this.#carried = 0;
        this.#sink.packet(this.#carry, 0);
        at += this.#stride - TS_PACKET_BYTES;
      } else {
        data = concatBytes([this.#carry.subarray(0, this.#carried), chunk.subarray(at)]);
        at = 0;
      }
    }
    at = this.#cut(data, at);
    this.#ahead = Math.max(0, at - data.length);
    this.#carried = Math.max(0, data.length - at);
    this.#carry.set(data.subarray(at));
  }

  /** The stream ends: hands on the packets that were too near to the end to be sure of. */
  flush(): void {
    const tail = this.#carry.slice(0, this.#carried);
    let at = 0;
    while (at + TS_PACKET_BYTES <= tail.length) {
      const next = tail[at + this.#stride];
      if (tail[at] === SYNC_BYTE && (next === undefined || next === SYNC_BYTE)) {
        this.#sink.packet(tail, at);
        at += this.#stride;
      } else {
        at++;
        this.#skippedBytes++;
      }
    }
    this.#skippedBytes += Math.max(0, tail.length - at);
    this.reset();
  }

  /** Forgets what is incomplete; the next chunk begins as a file does. */
  reset(): void {
    this.#carried = 0;
    this.#ahead = this.leadBytes;
    this.#synced = true;
  }

  /** Completes the carried packet from the chunk's head; returns where the rest of it begins. */
  #fill(chunk: Uint8Array): number {
    const taken = Math.min(TS_PACKET_BYTES - this.#carried, chunk.length);
    this.#carry.set(chunk.subarray(0, taken), this.#carried);
    this.#carried += taken;
    return taken;
  }

  /** Hands on the packets of `data` from `at`; returns where the bytes to carry begin. */
  #cut(data: Uint8Array, from: number): number {
    let at = from;
    if (this.#synced && !this.#isStrideKnown) this.#lookAhead(data, at);
    for (;;) {
      if (!this.#synced) at = this.#search(data, at);
      if (!this.#synced) return at;
      const stride = this.#stride;
      const last = data.length - TS_PACKET_BYTES;
      while (at <= last && data[at] === SYNC_BYTE) {
        this.#sink.packet(data, at);
        at += stride;
      }
      if (at > last) return at;
      this.#synced = false;
      this.#resyncs++;
    }
  }

  /** A byte between packets may look like a sync byte: at the start more than one is looked at. */
  #lookAhead(data: Uint8Array, at: number): void {
    if (at + LOOKAHEAD_BYTES >= data.length) return;
    const stride = this.#strideAt(data, at);
    this.#synced = stride !== undefined;
    this.#isStrideKnown = this.#synced;
    this.#stride = stride ?? this.#stride;
    if (!this.#synced) this.#resyncs++;
  }

  #search(data: Uint8Array, from: number): number {
    let at = from;
    for (; at + LOOKAHEAD_BYTES < data.length; at++) {
      const stride = this.#strideAt(data, at);
      if (stride === undefined) continue;
      // Packets of another kind are no damage: only the first of them were not where they should be.
      const isFirst = !this.#isStrideKnown && stride !== this.#stride && at - from < stride;
      this.#stride = stride;
      this.#isStrideKnown = true;
      this.#synced = true;
      if (!isFirst) break;
      this.#resyncs--;
      return at;
    }
    this.#skippedBytes += at - from;
    return at;
  }

  /** How packets follow each other from `at` on; undefined where none begins. */
  #strideAt(data: Uint8Array, at: number): number | undefined {
    if (data[at] !== SYNC_BYTE) return undefined;
    const follows = (stride: number): boolean =>
      data[at + stride] === SYNC_BYTE && data[at + 2 * stride] === SYNC_BYTE;
    return follows(this.#stride) ? this.#stride : STRIDES.find(follows);
  }
}

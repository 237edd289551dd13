import { concatBytes } from "./bytes.ts";
import { SYNC_BYTE, TS_PACKET_BYTES } from "./tables.ts";

/** After damage this many sync bytes in a row, a packet apart, are needed. */
const SYNCS_NEEDED = 3;

/** Bytes from the first to the last of those sync bytes. */
const LOOKAHEAD_BYTES = (SYNCS_NEEDED - 1) * TS_PACKET_BYTES;

/** What a {@linkcode PacketAligner} hands packets to. */
export interface PacketSink {
  /** A whole packet lies at `at` of `data`; both are only valid during the call. */
  packet(data: Uint8Array, at: number): void;
}

/**
 * Cuts a byte stream into 188-byte packets, whatever its chunks are, and finds the next packet
 * after damage. Whole packets are handed on where they lie in the chunk, without a copy.
 */
export class PacketAligner {
  readonly #sink: PacketSink;
  readonly #carry = new Uint8Array(LOOKAHEAD_BYTES + TS_PACKET_BYTES);
  #carried = 0;
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
    return this.#synced && this.#carried > 0 ? TS_PACKET_BYTES - this.#carried : 0;
  }

  /** Takes the next bytes. The chunk is not kept. */
  push(chunk: Uint8Array): void {
    let data = chunk;
    let at = 0;
    if (this.#carried > 0) {
      if (this.#synced) {
        at = this.#fill(chunk);
        if (this.#carried < TS_PACKET_BYTES) return;
      }
      if (this.#synced && this.#carry[0] === SYNC_BYTE) {
        this.#carried = 0;
        this.#sink.packet(this.#carry, 0);
      } else {
        data = concatBytes(this.#carry.subarray(0, this.#carried), chunk.subarray(at));
        at = 0;
      }
    }
    at = this.#cut(data, at);
    this.#carried = data.length - at;
    this.#carry.set(data.subarray(at));
  }

  /** The stream ends: hands on the packets that were too near to the end to be sure of. */
  flush(): void {
    const tail = this.#carry.slice(0, this.#carried);
    let at = 0;
    while (at + TS_PACKET_BYTES <= tail.length) {
      const next = tail[at + TS_PACKET_BYTES];
      if (tail[at] === SYNC_BYTE && (next === undefined || next === SYNC_BYTE)) {
        this.#sink.packet(tail, at);
        at += TS_PACKET_BYTES;
      } else {
        at++;
        this.#skippedBytes++;
      }
    }
    this.#skippedBytes += tail.length - at;
    this.reset();
  }

  /** Forgets what is incomplete; the next chunk begins with a packet. */
  reset(): void {
    this.#carried = 0;
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
    for (;;) {
      if (!this.#synced) at = this.#search(data, at);
      if (!this.#synced) return at;
      while (at + TS_PACKET_BYTES <= data.length && data[at] === SYNC_BYTE) {
        this.#sink.packet(data, at);
        at += TS_PACKET_BYTES;
      }
      if (at + TS_PACKET_BYTES > data.length) return at;
      this.#synced = false;
      this.#resyncs++;
    }
  }

  #search(data: Uint8Array, from: number): number {
    let at = from;
    for (; at + LOOKAHEAD_BYTES < data.length; at++) {
      const found = data[at] === SYNC_BYTE && data[at + TS_PACKET_BYTES] === SYNC_BYTE &&
        data[at + LOOKAHEAD_BYTES] === SYNC_BYTE;
      if (!found) continue;
      this.#synced = true;
      break;
    }
    this.#skippedBytes += at - from;
    return at;
  }
}

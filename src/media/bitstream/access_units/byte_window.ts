/** A stretch of a byte stream that can be looked at: it grows at its end and is given up at its start. */

import { findNalUnit } from "../video/annexb.ts";

/**
 * The last bytes of a stream, one behind the other in a large buffer that their views share: each byte
 * is copied once. Positions count from the start of the stream.
 */
export class ByteWindow {
  readonly #slabBytes: number;
  #slab: Uint8Array;
  /** The position of the slab's first byte. */
  #origin = 0;
  #start = 0;
  #end = 0;
  /** Size of the piece appended last, if it still lies at the end. */
  #lastPiece = 0;

  /** Creates a window whose buffers have `slabBytes`, more where that much is kept. */
  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
    this.#slab = new Uint8Array(slabBytes);
  }

  /** Where the bytes that are kept begin. */
  get start(): number {
    return this.#start;
  }

  /** Behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** How many are kept. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The buffer as it is now: valid until the next {@linkcode append}. */
  get data(): Uint8Array {
    return this.#slab;
  }

  /** Index into {@linkcode data} of a position. */
  index(position: number): number {
    return position - this.#origin;
  }

  /** The byte at a position. */
  at(position: number): number {
    return this.#slab[position - this.#origin]!;
  }

  /** Appends the bytes of `data` from `from` to `to`. */
  append(data: Uint8Array, from: number, to: number): void {
    const bytes = to - from;
    if (this.#end - this.#origin + bytes > this.#slab.length) this.#move(bytes);
    this.#slab.set(data.subarray(from, to), this.#end - this.#origin);
    this.#end += bytes;
    this.#lastPiece = bytes;
  }

  /** Gives up what lies before a position. Views of it stay valid. */
  release(position: number): void {
    this.#start = position;
  }

  /** The bytes between two positions, as a view that stays valid. */
  view(from: number, to: number): Uint8Array {
    return this.#slab.subarray(from - this.#origin, to - this.#origin);
  }

  /** The position behind the next start code at or after `from`, or -1. */
  findNalUnit(from: number): number {
    const found = findNalUnit(this.#slab, from - this.#origin, this.#end - this.#origin);
    return found < 0 ? -1 : found + this.#origin;
  }

  /** Whether the piece appended last equals the bytes of `data` from `from` to `to`. */
  endsWith(data: Uint8Array, from: number, to: number): boolean {
    const bytes = to - from;
    if (bytes !== this.#lastPiece) return false;
    const at = this.#end - this.#origin - bytes;
    for (let i = 0; i < bytes; i++) {
      if (this.#slab[at + i] !== data[from + i]) return false;
    }
    return true;
  }

  #move(bytes: number): void {
    const kept = this.view(this.#start, this.#end);
    this.#slab = new Uint8Array(Math.max(this.#slabBytes, 2 * (kept.length + bytes)));
    this.#slab.set(kept);
    this.#origin = this.#start;
    this.#lastPiece = 0;
  }
}

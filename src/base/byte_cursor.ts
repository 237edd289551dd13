/**
 * Reading bytes in order, with bounds checks.
 *
 * @module
 */

import { MediaError } from "./errors.ts";

/** Reads big-endian values from bytes, in order; every read is checked against the end. */
export class ByteCursor {
  /** The index of the next byte to read. */
  position: number;
  readonly #data: Uint8Array;
  readonly #baseOffset: number;

  /**
   * Creates a cursor at `position` of `data`. Where `data` is a part of something larger, `baseOffset`
   * is the place of its first byte there.
   */
  constructor(data: Uint8Array, position = 0, baseOffset = 0) {
    this.#data = data;
    this.position = position;
    this.#baseOffset = baseOffset;
  }

  /** Where the next read begins, in bytes from the start of the data, or of what it is a part of. */
  get offset(): number {
    return this.#baseOffset + this.position;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.#data.length - this.position;
  }

  /** The next byte without moving, or undefined at the end. */
  peek(): number | undefined {
    return this.#data[this.position];
  }

  /** The bytes from index `start` up to the cursor: a view. */
  since(start: number): Uint8Array {
    return this.#data.subarray(start, this.position);
  }

  /** Reads one byte. Throws {@linkcode endError} past the end, as all reads do. */
  readU8(): number {
    const at = this.#take(1);
    return this.#data[at]!;
  }

  /** Reads an unsigned 16-bit number. */
  readU16(): number {
    const at = this.#take(2);
    return this.#data[at]! << 8 | this.#data[at + 1]!;
  }

  /** Reads an unsigned 32-bit number. */
  readU32(): number {
    const at = this.#take(4);
    const high = this.#data[at]! << 8 | this.#data[at + 1]!;
    const low = this.#data[at + 2]! << 8 | this.#data[at + 3]!;
    return high * 0x1_0000 + low;
  }

  /** Reads `length` bytes as a view, without a copy. */
  readBytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#data.subarray(at, at + length);
  }

  /** Moves past `length` bytes. */
  skip(length: number): void {
    this.#take(length);
  }

  /** What a read of `length` bytes beyond the end throws: a {@linkcode MediaError} `MEDIA_BAD_FRAME`. */
  protected endError(length: number): Error {
    const { offset } = this;
    return new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot read ${length} bytes at offset ${offset}: the data ends at ${this.#data.length}; ` +
        "it is truncated or damaged",
      { context: { offset, length: this.#data.length } },
    );
  }

  #take(length: number): number {
    const at = this.position;
    if (!(length >= 0) || at + length > this.#data.length) throw this.endError(length);
    this.position = at + length;
    return at;
  }
}

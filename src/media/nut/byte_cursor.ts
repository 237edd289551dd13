/**
 * Reading the elementary types of NUT with bounds checks (NUT specification, "Definitions").
 *
 * @module
 */

import { MediaError } from "../../base/errors.ts";

/**
 * Thrown by a {@linkcode ByteCursor} that may be continued with more bytes; never leaves this room.
 */
export class NeedMoreBytes extends Error {}

/** Options of a {@linkcode ByteCursor}. */
export interface ByteCursorOptions {
  /** The position of the first byte in the whole input, for messages. */
  readonly baseOffset: number;
  /** Whether the bytes are all there is: then reading past the end is damage, else a wait. */
  readonly complete: boolean;
}

/** Reads forward through bytes. */
export class ByteCursor {
  /** The index of the next byte to read. */
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #options: ByteCursorOptions;

  /** Creates a cursor at the first of `bytes`. */
  constructor(bytes: Uint8Array, options: ByteCursorOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /** The number of bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  /** The position in the whole input, for messages. */
  get offset(): number {
    return this.#options.baseOffset + this.position;
  }

  /** The bytes from `start` up to the cursor. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.position);
  }

  /** The next byte without moving, or undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.position];
  }

  /** `u(8)`. */
  u8(): number {
    this.#require(1);
    return this.#bytes[this.position++]!;
  }

  /** `u(32)`, big-endian. */
  u32(): number {
    this.#require(4);
    const at = this.position;
    const bytes = this.#bytes;
    this.position += 4;
    return bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
  }

  /** `v`: an unsigned number. Throws a `MediaError` past 2^53. */
  v(): number {
    let value = 0;
    for (;;) {
      const byte = this.u8();
      value = value * 128 + (byte & 127);
      if (value > Number.MAX_SAFE_INTEGER) throw this.damage("a number beyond 2^53");
      if (byte < 128) return value;
    }
  }

  /** `s`: a signed number. */
  s(): number {
    const value = this.v() + 1;
    return value % 2 === 1 ? 0 - (value - 1) / 2 : value / 2;
  }

  /** Moves past a `v` or `s` of any size. */
  skipNumber(): void {
    while (this.u8() >= 128);
  }

  /** `v` that may be at most `max`: a length or count, checked before anything is allocated. */
  capped(max: number, name: string): number {
    const value = this.v();
    if (value > max) throw this.damage(`${name} of ${value}, above ${max}`);
    return value;
  }

  /** `vb` of at most `max` bytes: a view. */
  vb(max: number, name: string): Uint8Array {
    return this.bytes(this.capped(max, name));
  }

  /** The next `count` bytes: a view. */
  bytes(count: number): Uint8Array {
    this.#require(count);
    const view = this.#bytes.subarray(this.position, this.position + count);
    this.position += count;
    return view;
  }

  /** An error that names what was found at the current offset. */
  damage(found: string): MediaError {
    return new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot read NUT: ${found} at byte ${this.offset}; check what wrote the stream`,
      { context: { offset: this.offset } },
    );
  }

  #require(count: number): void {
    if (count <= this.remaining) return;
    if (this.#options.complete) throw this.damage("the end of a packet inside a field");
    throw new NeedMoreBytes();
  }
}

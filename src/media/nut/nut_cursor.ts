/**
 * Reading the elementary types of NUT with bounds checks (NUT specification, "Definitions").
 *
 * @module
 */

import { ByteCursor } from "../../base/byte_cursor.ts";
import { MediaError } from "../../base/errors.ts";

/** Thrown by a {@linkcode NutCursor} that may be continued with more bytes; never leaves this room. */
export class NeedMoreBytes extends Error {}

/** Options of a {@linkcode NutCursor}. */
export interface NutCursorOptions {
  /** The position of the first byte in the whole input, for messages. */
  readonly baseOffset: number;
  /** Whether the bytes are all there is: then reading past the end is damage, else a wait. */
  readonly complete: boolean;
}

/** Reads forward through bytes. */
export class NutCursor extends ByteCursor {
  readonly #complete: boolean;

  /** Creates a cursor at the first of `bytes`. */
  constructor(bytes: Uint8Array, { baseOffset, complete }: NutCursorOptions) {
    super(bytes, 0, baseOffset);
    this.#complete = complete;
  }

  /** `v`: an unsigned number. Throws a `MediaError` past 2^53. */
  v(): number {
    let value = 0;
    for (;;) {
      const byte = this.readU8();
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
    while (this.readU8() >= 128);
  }

  /** `v` that may be at most `max`: a length or count, checked before anything is allocated. */
  capped(max: number, name: string): number {
    const value = this.v();
    if (value > max) throw this.damage(`${name} of ${value}, above ${max}`);
    return value;
  }

  /** `vb` of at most `max` bytes: a view. */
  vb(max: number, name: string): Uint8Array {
    return this.readBytes(this.capped(max, name));
  }

  /** An error that names what was found at the current offset. */
  damage(found: string): MediaError {
    return new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot read NUT: ${found} at byte ${this.offset}; check what wrote the stream`,
      { context: { offset: this.offset } },
    );
  }

  protected override endError(): Error {
    return this.#complete ? this.damage("the end of a packet inside a field") : new NeedMoreBytes();
  }
}

import { MediaError } from "../../base/errors.ts";

/** Reads big-endian values from bytes, in order; every read is checked against the end. */
export class ByteCursor {
  readonly #data: Uint8Array;
  #offset: number;

  /** Creates a cursor at `offset` of `data`. */
  constructor(data: Uint8Array, offset = 0) {
    this.#data = data;
    this.#offset = offset;
  }

  /** Where the next read begins, in bytes from the start of the data. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.#data.length - this.#offset;
  }

  /**
   * Reads one byte. Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` past the end, as all reads
   * do.
   */
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

  #take(length: number): number {
    const at = this.#offset;
    if (!(length >= 0) || at + length > this.#data.length) {
      throw new MediaError(
        "MEDIA_BAD_FRAME",
        `Cannot read ${length} bytes at offset ${at}: the data ends at ${this.#data.length}; ` +
          "it is truncated or damaged",
        { context: { offset: at, length: this.#data.length } },
      );
    }
    this.#offset = at + length;
    return at;
  }
}

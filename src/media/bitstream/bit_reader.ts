/**
 * Bits and Exp-Golomb codes, most significant bit first.
 *
 * Spec: ISO/IEC 14496-10 section 9.1 (Exp-Golomb), the same in ISO/IEC 23008-2 section 9.2.
 */

import { MediaError } from "../../base/errors.ts";

/** Reads bits from bytes; every read is checked against the end. */
export class BitReader {
  readonly #data: Uint8Array;
  #bit: number;

  /** Creates a reader at the first bit of byte `offset`. */
  constructor(data: Uint8Array, offset = 0) {
    this.#data = data;
    this.#bit = offset * 8;
  }

  /** Where the next read begins, in bits from the start of the data. */
  get bitOffset(): number {
    return this.#bit;
  }

  /** Bits left to read. */
  get remainingBits(): number {
    return this.#data.length * 8 - this.#bit;
  }

  /**
   * Reads one bit. Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` past the end, as all reads do.
   */
  readBit(): number {
    this.#require(1);
    const bit = this.#data[this.#bit >> 3]! >> (7 - (this.#bit & 7)) & 1;
    this.#bit++;
    return bit;
  }

  /** Reads one bit as a flag. */
  readFlag(): boolean {
    return this.readBit() === 1;
  }

  /** Reads an unsigned number of 0 to 32 bits. */
  readBits(count: number): number {
    this.#require(count);
    let value = 0;
    let left = count;
    while (left > 0) {
      const room = 8 - (this.#bit & 7);
      const taken = Math.min(room, left);
      const byte = this.#data[this.#bit >> 3]!;
      value = value * 2 ** taken + (byte >> (room - taken) & ((1 << taken) - 1));
      this.#bit += taken;
      left -= taken;
    }
    return value;
  }

  /** Moves past `count` bits. */
  skipBits(count: number): void {
    this.#require(count);
    this.#bit += count;
  }

  /** Reads `ue(v)`: an unsigned Exp-Golomb code of up to 32 leading zeros. */
  readUe(): number {
    const start = this.#bit;
    let zeros = 0;
    while (this.readBit() === 0) {
      if (++zeros > 32) throw badCode(start);
    }
    return 2 ** zeros - 1 + this.readBits(zeros);
  }

  /** Reads `se(v)`: a signed Exp-Golomb code. */
  readSe(): number {
    const code = this.readUe();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }

  #require(count: number): void {
    if (this.#bit + count <= this.#data.length * 8) return;
    throw new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot read ${count} bits at bit ${this.#bit}: the data ends at ${this.#data.length * 8}; ` +
        "it is truncated or damaged",
      { context: { bitOffset: this.#bit, length: this.#data.length } },
    );
  }
}

function badCode(bitOffset: number): MediaError {
  return new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot read an Exp-Golomb code at bit ${bitOffset}: more than 32 leading zeros; ` +
      "the data is damaged",
    { context: { bitOffset } },
  );
}

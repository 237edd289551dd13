import { BitReader } from "./bit_reader.ts";

/** Writes bits to bytes, most significant bit first. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #length = 0;

  /** Bits written so far. */
  get length(): number {
    return this.#length;
  }

  /** Writes the lowest `count` bits of a number, 32 at most. */
  write(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      if (this.#length % 8 === 0) this.#bytes.push(0);
      const set = Math.floor(value / 2 ** bit) % 2;
      this.#bytes[this.#bytes.length - 1]! |= set << (7 - this.#length % 8);
      this.#length++;
    }
  }

  /** Writes `count` bits of `data` from bit `from` on. */
  copy(data: Uint8Array, from: number, count: number): void {
    const bits = new BitReader(data);
    bits.skipBits(from);
    for (let left = count; left > 0; left -= 32) {
      const taken = Math.min(32, left);
      this.write(bits.readBits(taken), taken);
    }
  }

  /** Fills the last byte with zeros. */
  align(): void {
    this.#length = this.#bytes.length * 8;
  }

  /** What was written; the last byte is filled with zeros. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

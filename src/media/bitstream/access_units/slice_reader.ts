/**
 * The first fields of slice headers and picture parameter sets, read without allocation.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.1 (emulation prevention) and 9.1 (Exp-Golomb codes); the same
 * in ISO/IEC 23008-2.
 */

/** Bytes of a NAL unit that are looked at: what is read of a slice header fits in. */
export const SLICE_HEAD_BYTES = 40;

/**
 * Reads bits of the head of a NAL unit. Unlike a `BitReader` it can be used again, and does not throw
 * at the end: it gives zeros and sets {@linkcode overrun}. Damaged streams have many such slices.
 */
export class SliceReader {
  readonly #bytes = new Uint8Array(SLICE_HEAD_BYTES);
  #bits = 0;
  #at = 0;

  /** Whether more was read than there is. */
  get overrun(): boolean {
    return this.#at > this.#bits;
  }

  /** Begins at byte `from` of `data`; what lies at `to` and behind is not looked at. */
  reset(data: Uint8Array, from: number, to: number): void {
    const bytes = this.#bytes;
    const end = Math.min(to, from + SLICE_HEAD_BYTES);
    let zeros = 0;
    let length = 0;
    for (let i = from; i < end; i++) {
      const byte = data[i]!;
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      bytes[length++] = byte;
    }
    this.#bits = length * 8;
    this.#at = 0;
  }

  /** Reads one bit. */
  bit(): number {
    const at = this.#at++;
    return at < this.#bits ? this.#bytes[at >> 3]! >> (7 - (at & 7)) & 1 : 0;
  }

  /** Reads one bit as a flag. */
  flag(): boolean {
    return this.bit() === 1;
  }

  /** Reads an unsigned number of 0 to 32 bits. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  /** Reads `ue(v)`. */
  ue(): number {
    let zeros = 0;
    while (zeros < 32 && this.bit() === 0) zeros++;
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Reads `se(v)`. */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }
}

/**
 * The first fields of slice headers and picture parameter sets, read without allocation.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.1 (emulation prevention) and 9.1 (Exp-Golomb codes); the same
 * in ISO/IEC 23008-2.
 */

/** Bytes of a NAL unit that are looked at: what is read of a slice header fits in. */
export const SLICE_HEAD_BYTES = 40;

/** Bytes that hold any 32 bits. */
const WORD_BYTES = 5;

/** Codes with so many leading zeros fit into 32 bits. */
const SHORT_CODE_ZEROS = 15;

/**
 * Reads bits of the head of a NAL unit. Unlike a `BitReader` it can be used again, and does not throw
 * at the end: it gives zeros and sets {@linkcode overrun}. Damaged streams have many such slices.
 */
export class SliceReader {
  /** What was unescaped so far: most headers need a few bytes of what they may have. */
  readonly #bytes = new Uint8Array(SLICE_HEAD_BYTES + WORD_BYTES);
  #length = 0;
  #at = 0;
  #data: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;
  #zeros = 0;

  /** Whether more was read than there is. */
  get overrun(): boolean {
    const bytes = this.#at + 7 >> 3;
    if (bytes > this.#length) this.#unescape(bytes);
    return bytes > this.#length;
  }

  /**
   * Begins at byte `from` of `data`, which must stay as it is while it is read; what lies at `to` and
   * behind is not looked at.
   */
  reset(data: Uint8Array, from: number, to: number): void {
    this.#data = data;
    this.#next = from;
    this.#end = Math.min(to, from + SLICE_HEAD_BYTES);
    this.#zeros = 0;
    this.#length = 0;
    this.#at = 0;
  }

  /** Reads one bit. */
  bit(): number {
    const bit = this.#peek() >>> 31;
    this.#at++;
    return bit;
  }

  /** Reads one bit as a flag. */
  flag(): boolean {
    return this.bit() === 1;
  }

  /** Reads an unsigned number of 0 to 32 bits. */
  bits(count: number): number {
    if (count === 0) return 0;
    const value = this.#peek() >>> (32 - count);
    this.#at += count;
    return value;
  }

  /** Reads `ue(v)`. */
  ue(): number {
    const word = this.#peek();
    const zeros = Math.clz32(word);
    if (zeros <= SHORT_CODE_ZEROS) {
      this.#at += 2 * zeros + 1;
      return (word >>> (31 - 2 * zeros)) - 1;
    }
    // The bit behind the zeros, or the 32nd zero, belongs to the prefix.
    this.#at += Math.min(zeros + 1, 32);
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Reads `se(v)`. */
  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }

  /** The next 32 bits, as a signed number; zeros where there are none. */
  #peek(): number {
    const first = this.#at >> 3;
    if (first + WORD_BYTES > this.#length) this.#unescape(first + WORD_BYTES);
    if (first >= this.#length) return 0;
    const bytes = this.#bytes;
    const word = bytes[first]! << 24 | bytes[first + 1]! << 16 | bytes[first + 2]! << 8 |
      bytes[first + 3]!;
    const shift = this.#at & 7;
    return shift === 0 ? word : word << shift | bytes[first + 4]! >> (8 - shift);
  }

  /** Unescapes up to so many bytes; zeros stand behind the last. */
  #unescape(wanted: number): void {
    const bytes = this.#bytes;
    const data = this.#data;
    const end = this.#end;
    let length = this.#length;
    let next = this.#next;
    let zeros = this.#zeros;
    for (; length < wanted && next < end; next++) {
      const byte = data[next]!;
      if (zeros >= 2 && byte === 3) {
        zeros = 0;
        continue;
      }
      zeros = byte === 0 ? zeros + 1 : 0;
      bytes[length++] = byte;
    }
    if (length < wanted) bytes.fill(0, length, length + WORD_BYTES);
    this.#length = length;
    this.#next = next;
    this.#zeros = zeros;
  }
}

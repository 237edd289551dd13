/**
 * Writing the elementary types of NUT: `u(n)`, `v`, `s`, `vb` (NUT specification, "Definitions").
 *
 * @module
 */

import { crc32 } from "../crc32.ts";
import { HEADER_CHECKSUM_ABOVE, type StartCode } from "./tables.ts";

/** A growing byte buffer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** Creates an empty buffer with room for `capacity` bytes before it grows. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** The number of bytes written. */
  get length(): number {
    return this.#length;
  }

  /** What was written since `start`: a view, valid until the next write. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** `u(8)`. */
  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** `u(32)`, big-endian. */
  u32(value: number): void {
    this.#reserve(4);
    this.#bytes[this.#length++] = value >>> 24;
    this.#bytes[this.#length++] = value >>> 16;
    this.#bytes[this.#length++] = value >>> 8;
    this.#bytes[this.#length++] = value;
  }

  /** Raw bytes. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /**
   * `v`: an unsigned number, seven bits a byte, most significant first. By arithmetic, since clocks
   * exceed 32 bits. Throws a `RangeError` for what is not a whole number from 0 to 2^53.
   */
  v(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(
        `Cannot write ${value} as a NUT number: use a whole number from 0 to 2^53`,
      );
    }
    let scale = 1;
    while (value / scale >= 128) scale *= 128;
    for (; scale > 1; scale /= 128) this.u8(128 + Math.floor(value / scale) % 128);
    this.u8(value % 128);
  }

  /** `s`: a signed number. */
  s(value: number): void {
    this.v(value > 0 ? value * 2 - 1 : value * -2);
  }

  /** `vb`: bytes after their length. */
  vb(value: Uint8Array): void {
    this.v(value.length);
    this.bytes(value);
  }

  /**
   * A whole NUT packet: start code, forward pointer, header checksum where due, payload, checksum.
   */
  packet(startCode: StartCode, payload: Uint8Array): void {
    const start = this.#length;
    this.u32(startCode.high);
    this.u32(startCode.low);
    const forwardPointer = payload.length + 4;
    this.v(forwardPointer);
    if (forwardPointer > HEADER_CHECKSUM_ABOVE) this.u32(crc32(this.view(start)));
    this.bytes(payload);
    this.u32(crc32(payload));
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

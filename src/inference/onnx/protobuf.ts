/**
 * Protocol buffers, read in place: fields by number, bytes skipped over unless they are asked for
 * (protobuf.dev, "Encoding").
 *
 * @module
 */

/** Protocol buffers' wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Message fields by number: each is called with a reader of its bytes, or with its integer. */
export type Fields = Readonly<
  Record<number, (value: Reader, integer: number, isInteger: boolean) => void>
>;

/** Reads a message: calls the function of each field that there is one for. */
export function readMessage(reader: Reader, fields: Fields): void {
  while (!reader.isAtEnd) {
    const key = reader.varint();
    const field = fields[Math.floor(key / 8)];
    const wireType = key % 8;
    if (wireType === VARINT) {
      const integer = reader.varint();
      field?.(reader, integer, true);
    } else if (wireType === LENGTH) {
      const value = reader.take(reader.varint());
      field?.(value, 0, false);
    } else if (wireType === FIXED64) reader.take(8);
    else if (wireType === FIXED32) reader.take(4);
    else throw new RangeError(`no protocol buffer: wire type ${wireType} at byte ${reader.at}`);
  }
}

/** A part of the file; `at` counts from the file's start. */
export class Reader {
  /** Where it is. */
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  /** The bytes from `start` to `end`. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** Whether all was read. */
  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  /** Bytes that are left. */
  get length(): number {
    return this.#end - this.at;
  }

  /** An unsigned integer; more than 53 bits lose precision, which no size or version has. */
  varint(): number {
    let [value, scale] = [0, 1];
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.#end) throw new RangeError(`it ends early, at byte ${this.at}`);
      const byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError(`no protocol buffer: an integer of over 10 bytes at byte ${this.at}`);
  }

  /** The next bytes. */
  take(length: number): Reader {
    const start = this.at;
    if (start + length > this.#end) {
      throw new RangeError(
        `it ends early: ${length} bytes should follow at byte ${start}, and ` +
          `${this.#end - start} do`,
      );
    }
    this.at = start + length;
    return new Reader(this.#bytes, start, this.at);
  }

  /** What is left, as text. */
  text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(this.at, this.#end));
  }
}

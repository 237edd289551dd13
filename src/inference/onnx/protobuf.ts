/**
 * Protocol buffers, read in place: fields by number, bytes skipped over unless they are asked for
 * (protobuf.dev, "Encoding").
 *
 * @module
 */

import { ByteCursor } from "../../base/byte_cursor.ts";

/** Protocol buffers' wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Message fields by number: each is called with a reader of its bytes, or with its integer. */
export type Fields = Readonly<
  Record<number, (value: ProtobufReader, integer: number, isInteger: boolean) => void>
>;

/** Reads a message: calls the function of each field that has one. */
export function readMessage(reader: ProtobufReader, fields: Fields): void {
  while (reader.remaining > 0) {
    const key = reader.readVarint();
    const field = fields[Math.floor(key / 8)];
    const wireType = key % 8;
    if (wireType === VARINT) {
      const integer = reader.readVarint();
      field?.(reader, integer, true);
    } else if (wireType === LENGTH) {
      const value = reader.readPart(reader.readVarint());
      field?.(value, 0, false);
    } else if (wireType === FIXED64) reader.skip(8);
    else if (wireType === FIXED32) reader.skip(4);
    else throw new RangeError(`no protocol buffer: wire type ${wireType} at byte ${reader.offset}`);
  }
}

/** Reads a part of a file. */
export class ProtobufReader extends ByteCursor {
  /** An unsigned integer; more than 53 bits lose precision, which no size or version has. */
  readVarint(): number {
    let [value, scale] = [0, 1];
    for (let count = 0; count < 10; count++) {
      const byte = this.readU8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError(`no protocol buffer: an integer of over 10 bytes at byte ${this.offset}`);
  }

  /** The next bytes, with a reader of their own. */
  readPart(length: number): ProtobufReader {
    const { offset } = this;
    return new ProtobufReader(this.readBytes(length), 0, offset);
  }

  /** The rest, as text. */
  readText(): string {
    return new TextDecoder().decode(this.readBytes(this.remaining));
  }

  protected override endError(length: number): Error {
    return new RangeError(
      `it ends early: ${length} bytes should follow at byte ${this.offset}, and ` +
        `${this.remaining} do`,
    );
  }
}

import assert from "node:assert/strict";
import { ByteCursor } from "../../src/base/byte_cursor.ts";

Deno.test("ByteCursor reads big-endian values in order", () => {
  const cursor = new ByteCursor(Uint8Array.of(1, 2, 3, 0xFF, 0xFE, 0xFD, 0xFC, 9, 8, 7));
  assert.equal(cursor.readU8(), 1);
  assert.equal(cursor.readU16(), 0x0203);
  assert.equal(cursor.readU32(), 0xFFFEFDFC);
  assert.deepEqual([...cursor.readBytes(2)], [9, 8]);
  assert.equal(cursor.remaining, 1);
  cursor.skip(1);
  assert.equal(cursor.offset, 10);
});

Deno.test("ByteCursor throws with the offset past the end, and stays where it was", () => {
  const cursor = new ByteCursor(Uint8Array.of(1, 2, 3), 2);
  const expected = { code: "MEDIA_BAD_FRAME", context: { offset: 2, length: 3 } };
  assert.throws(() => cursor.readU16(), expected);
  assert.throws(() => cursor.readBytes(2), expected);
  assert.throws(() => cursor.skip(-1), expected);
  assert.equal(cursor.readU8(), 3);
});

Deno.test("ByteCursor of a part counts offsets from the start of the whole", () => {
  const cursor = new ByteCursor(Uint8Array.of(1, 2, 3, 4), 1, 100);
  assert.equal(cursor.peek(), 2);
  cursor.skip(2);
  assert.deepEqual([cursor.position, cursor.offset], [3, 103]);
  assert.deepEqual([...cursor.since(1)], [2, 3]);
  assert.throws(() => cursor.readU16(), { context: { offset: 103, length: 4 } });
});

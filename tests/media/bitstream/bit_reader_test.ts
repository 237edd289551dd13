import assert from "node:assert/strict";
import { BitReader } from "../../../src/media/bitstream/mod.ts";

Deno.test("BitReader reads up to 32 bits over byte borders", () => {
  const bits = new BitReader(Uint8Array.of(0b1010_0101, 0xFF, 0xFF, 0xFF, 0xF0, 0x0F));
  assert.equal(bits.readBit(), 1);
  assert.equal(bits.readFlag(), false);
  assert.equal(bits.readBits(0), 0);
  assert.equal(bits.readBits(6), 0b10_0101);
  assert.equal(bits.readBits(32), 0xFFFFFFF0);
  assert.equal(bits.remainingBits, 8);
  bits.skipBits(4);
  assert.equal(bits.readBits(4), 15);
});

Deno.test("BitReader throws with the offset past the end", () => {
  const bits = new BitReader(Uint8Array.of(0xFF), 0);
  bits.skipBits(5);
  const expected = { code: "MEDIA_BAD_FRAME", context: { bitOffset: 5, length: 1 } };
  assert.throws(() => bits.readBits(4), expected);
  assert.throws(() => bits.skipBits(4), expected);
});

Deno.test("BitReader reads Exp-Golomb codes", () => {
  // 1 | 010 | 011 | 00100 | 00111 | 0001000 and padding
  const unsigned = new BitReader(Uint8Array.of(0b1010_0110, 0b0100_0011, 0b1000_1000));
  assert.deepEqual([0, 1, 2, 3, 4].map(() => unsigned.readUe()), [0, 1, 2, 3, 6]);
  const signed = new BitReader(Uint8Array.of(0b1010_0110, 0b0100_0010, 0b1000_0000));
  assert.deepEqual([0, 1, 2, 3, 4].map(() => signed.readSe()), [0, 1, -1, 2, -2]);
});

Deno.test("BitReader reads the largest Exp-Golomb code and refuses longer ones", () => {
  const largest = new Uint8Array(9).fill(0);
  largest[4] = 0x80; // 32 zeros, 1, 32 zeros
  assert.equal(new BitReader(largest).readUe(), 2 ** 32 - 1);
  assert.throws(() => new BitReader(new Uint8Array(20)).readUe(), { code: "MEDIA_BAD_FRAME" });
});

import assert from "node:assert/strict";
import { BitReader, unescapeRbsp } from "../../../../src/media/bitstream/mod.ts";
import {
  SLICE_HEAD_BYTES,
  SliceReader,
} from "../../../../src/media/bitstream/access_units/slice_reader.ts";
import { seededRandom } from "../../../frames/pictures.ts";

/** Zeros behind the end, which a SliceReader gives and a BitReader does not have. */
const PADDING_BYTES = 512;

Deno.test("SliceReader reads what a BitReader reads from the unescaped bytes, and zeros behind", () => {
  const random = seededRandom(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  const reader = new SliceReader();
  for (let round = 0; round < 3000; round++) {
    // Many zeros and threes: long codes and escapes.
    const data = Uint8Array.from({ length: 64 }, () => [0, 0, 0, 3, 1, below(256)][below(6)]!);
    const from = below(8);
    const to = from + below(60);
    const kept = data.subarray(from, Math.min(to, from + SLICE_HEAD_BYTES));
    const plain = unescapeRbsp(kept);
    const padded = new Uint8Array(plain.length + PADDING_BYTES);
    padded.set(plain);
    const expected = new BitReader(padded);
    reader.reset(data, from, to);
    for (let read = 0; read < 40; read++) {
      const [kind, count] = [below(3), below(33)];
      if (kind === 0) assert.equal(reader.bits(count), expected.readBits(count));
      if (kind === 1) assert.equal(reader.bit(), expected.readBit());
      if (kind === 2) assert.equal(reader.ue(), readUe(expected));
      assert.equal(reader.overrun, expected.bitOffset > plain.length * 8, `round ${round}`);
    }
  }
});

/** Reads `ue(v)` of which no more than 32 zeros count. */
function readUe(bits: BitReader): number {
  let zeros = 0;
  while (zeros < 32 && bits.readBit() === 0) zeros++;
  return 2 ** zeros - 1 + bits.readBits(zeros);
}

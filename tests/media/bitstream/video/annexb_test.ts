import assert from "node:assert/strict";
import { findNalUnit, nalUnits, unescapeRbsp } from "../../../../src/media/bitstream/mod.ts";

Deno.test("findNalUnit() finds every start code, wherever it lies", () => {
  let state = 1;
  for (let round = 0; round < 400; round++) {
    const data = Uint8Array.from({ length: round % 41 }, () => {
      state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF;
      return [0, 0, 0, 1, 1, 2, 3, 255][state >> 16 & 7]!;
    });
    const expected: number[] = [];
    for (let i = 0; i + 2 < data.length; i++) {
      if (data[i] === 0 && data[i + 1] === 0 && data[i + 2] === 1) expected.push(i + 3);
    }
    const found: number[] = [];
    for (let at = findNalUnit(data, 0); at >= 0; at = findNalUnit(data, at)) found.push(at);
    assert.deepEqual(found, expected, `[${data}]`);
  }
});

Deno.test("nalUnits() yields units without start codes and trailing zeros", () => {
  const data = Uint8Array.of(0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 0, 1, 0x65, 4, 0);
  assert.deepEqual([...nalUnits(data)].map((unit) => [...unit]), [[0x67, 1, 2], [0x68, 3], [
    0x65,
    4,
  ]]);
  assert.deepEqual([...nalUnits(Uint8Array.of(1, 2, 3))], []);
});

Deno.test("unescapeRbsp() removes emulation prevention bytes only", () => {
  const cases: [number[], number[]][] = [
    [[1, 2, 3], [1, 2, 3]],
    [[0, 0, 3, 1], [0, 0, 1]],
    [[0, 0, 3, 0, 0, 3], [0, 0, 0, 0]],
    [[0, 3, 0, 3], [0, 3, 0, 3]],
    [[0, 0, 0, 3, 3], [0, 0, 0, 3]],
  ];
  for (const [escaped, plain] of cases) {
    assert.deepEqual([...unescapeRbsp(Uint8Array.from(escaped))], plain);
  }
  const untouched = Uint8Array.of(1, 2, 3);
  assert.equal(unescapeRbsp(untouched), untouched);
});

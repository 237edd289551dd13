import assert from "node:assert/strict";
import {
  findNalUnit,
  nalUnits,
  scanAccessUnits,
  unescapeRbsp,
} from "../../../src/media/bitstream/mod.ts";

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

const START = [0, 0, 0, 1];
const AUD = [...START, 0x09, 0xF0];
const IDR = [0, 0, 1, 0x65, 0x88, 7];
const SLICE = [0, 0, 1, 0x41, 0x9A, 7];
const LATER_SLICE = [0, 0, 1, 0x41, 0x40, 7];
const RECOVERY_POINT = [0, 0, 1, 0x06, 0x06, 0x01, 0xC4, 0x80];

Deno.test("scanAccessUnits() cuts H.264 before delimiters and first slices", () => {
  const unitBytes = [[...AUD, ...IDR, ...LATER_SLICE], [...AUD, ...SLICE], SLICE];
  const data = Uint8Array.from(unitBytes.flat());
  const { units, beginsUnit } = scanAccessUnits(data, "h264", { split: true });
  assert.equal(beginsUnit, true);
  const ends = [unitBytes[0]!.length, unitBytes[0]!.length + unitBytes[1]!.length, data.length];
  assert.deepEqual(units, [
    { start: 0, end: ends[0], keyframe: true },
    { start: ends[0], end: ends[1], keyframe: false },
    { start: ends[1], end: ends[2], keyframe: false },
  ]);
});

Deno.test("scanAccessUnits() takes all data for one unit when it is not to split", () => {
  const data = Uint8Array.from([...AUD, ...IDR, ...AUD, ...SLICE]);
  const { units } = scanAccessUnits(data, "h264", { split: false });
  assert.deepEqual(units, [{ start: 0, end: data.length, keyframe: true }]);
});

Deno.test("scanAccessUnits() takes a recovery point for a keyframe", () => {
  const other = [0, 0, 1, 0x06, 0x05, 0x03, 1, 2, 3, 0x06, 0x01, 0xC4, 0x80];
  for (const sei of [RECOVERY_POINT, other]) {
    const data = Uint8Array.from([...AUD, ...sei, ...SLICE]);
    assert.equal(scanAccessUnits(data, "h264", { split: true }).units[0]!.keyframe, true);
  }
  const without = Uint8Array.from([...AUD, 0, 0, 1, 0x06, 0x05, 0x03, 6, 6, 6, 0x80, ...SLICE]);
  assert.equal(scanAccessUnits(without, "h264", { split: true }).units[0]!.keyframe, false);
});

Deno.test("scanAccessUnits() tells that data goes on with a picture", () => {
  for (const bytes of [LATER_SLICE, [1, 2, 3], []]) {
    const scan = scanAccessUnits(Uint8Array.from(bytes), "h264", { split: true });
    assert.equal(scan.beginsUnit, false);
    assert.deepEqual(scan.units, [{ start: 0, end: bytes.length, keyframe: false }]);
  }
});

Deno.test("scanAccessUnits() knows HEVC's random access points and layers", () => {
  const aud = [...START, 0x46, 0x01, 0x50];
  const irap = [0, 0, 1, 0x2A, 0x01, 0x80]; // CRA, base layer
  const trail = [0, 0, 1, 0x02, 0x01, 0x80];
  const upperLayer = [0, 0, 1, 0x02, 0x09, 0x80];
  const data = Uint8Array.from([...aud, ...irap, ...upperLayer, ...trail]);
  const { units } = scanAccessUnits(data, "hevc", { split: true });
  const cut = aud.length + irap.length + upperLayer.length;
  assert.deepEqual(units, [
    { start: 0, end: cut, keyframe: true },
    { start: cut, end: data.length, keyframe: false },
  ]);
});

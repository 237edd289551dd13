import assert from "node:assert/strict";
import {
  type AccessUnit,
  AccessUnitParser,
  type StartCodeCodec,
} from "../../../src/media/bitstream/mod.ts";

const START = [0, 0, 0, 1];
const AUD = [...START, 0x09, 0xF0];
const IDR = [0, 0, 1, 0x65, 0x88, 0x80, 7];
const SLICE = [0, 0, 1, 0x41, 0x9A, 7];
const LATER_SLICE = [0, 0, 1, 0x41, 0x40, 7];
const NOTE = [0, 0, 1, 0x06, 0x05, 0x03, 1, 2, 3, 0x80];
const RECOVERY_POINT = [0, 0, 1, 0x06, 0x06, 0x01, 0xC4, 0x80];
const FILLER = [0, 0, 1, 0x0C, 0xFF, 0x80];
const END_OF_SEQUENCE = [0, 0, 1, 0x0A];

interface Parsed {
  readonly units: AccessUnit[];
  readonly judged: [isEnd: boolean, tooEarly: boolean][];
  readonly parser: AccessUnitParser;
  readonly stray: () => number;
}

function createParser(codec: StartCodeCodec = "h264"): Parsed {
  const units: AccessUnit[] = [];
  const judged: [boolean, boolean][] = [];
  let stray = 0;
  const parser = new AccessUnitParser(codec, {
    slabBytes: 4096,
    sink: {
      unit: (unit) => units.push(unit),
      judged: (isEnd, tooEarly) => judged.push([isEnd, tooEarly]),
      badParameterSet: () => assert.fail("there is no parameter set"),
      dropped: (_reason, bytes) => stray += bytes,
    },
  });
  return { units, judged, parser, stray: () => stray };
}

function append({ parser }: Parsed, bytes: readonly number[]): void {
  parser.append(Uint8Array.from(bytes), 0, bytes.length);
}

/** The units of a stream, for any split into pieces. */
function unitsOf(bytes: readonly number[], codec: StartCodeCodec = "h264"): AccessUnit[] {
  const all = [1, 3, 1000].map((size) => {
    const parsed = createParser(codec);
    for (let at = 0; at < bytes.length; at += size) append(parsed, bytes.slice(at, at + size));
    parsed.parser.finish();
    return parsed.units;
  });
  for (const units of all) assert.deepEqual(units, all[0]);
  return all[0]!;
}

function dataOf(units: readonly AccessUnit[]): number[][] {
  return units.map(({ data }) => [...data]);
}

Deno.test("AccessUnitParser cuts H.264 before delimiters and first slices", () => {
  const expected = [[...AUD, ...IDR, ...LATER_SLICE], [...AUD, ...SLICE], SLICE];
  const units = unitsOf(expected.flat());
  assert.deepEqual(dataOf(units), expected);
  assert.deepEqual(units.map(({ picture }) => picture.randomAccess), [true, false, false]);
  assert.deepEqual(units.map(({ markedAt }) => markedAt), [0, 19, undefined]);
});

Deno.test("AccessUnitParser keeps SEI between slices, and gives SEI behind them to the next", () => {
  const first = [...AUD, ...IDR, ...NOTE, ...LATER_SLICE];
  const second = [...NOTE, ...AUD, ...SLICE];
  assert.deepEqual(dataOf(unitsOf([...first, ...second])), [first, second]);
});

Deno.test("AccessUnitParser leaves filler and ends of sequences with the picture before", () => {
  const first = [...AUD, ...SLICE, ...FILLER, ...END_OF_SEQUENCE];
  const second = [...AUD, ...IDR];
  assert.deepEqual(dataOf(unitsOf([...first, ...second])), [first, second]);
});

Deno.test("AccessUnitParser does not take bytes of a message for NAL units", () => {
  const inside = [0, 0, 1, 0x65, 0x88, 1, 0, 0, 0, 1, 0x09, 0xF0];
  const bare = [0, 0, 1, 0x06, 0x05, inside.length, ...inside, 0x80];
  const first = [...AUD, ...bare, ...SLICE];
  const second = [...AUD, ...SLICE];
  const units = unitsOf([...first, ...second]);
  assert.deepEqual(dataOf(units), [first, second]);
  // A message that claims more than there is does not swallow pictures.
  const broken = [...AUD, 0, 0, 1, 0x06, 0x05, 30, 1, 2, 3, ...SLICE];
  assert.deepEqual(dataOf(unitsOf([...broken, ...second])), [broken, second]);
});

Deno.test("AccessUnitParser finds recovery points", () => {
  const other = [0, 0, 1, 0x06, 0x05, 0x03, 1, 2, 3, 0x06, 0x01, 0xC4, 0x80];
  for (const sei of [RECOVERY_POINT, other]) {
    const units = unitsOf([...AUD, ...sei, ...SLICE, ...AUD, ...SLICE]);
    assert.deepEqual(units.map(({ recoveryPoint }) => recoveryPoint), [true, false]);
  }
  assert.equal(unitsOf([...AUD, ...NOTE, ...SLICE])[0]!.recoveryPoint, false);
});

Deno.test("AccessUnitParser passes over bytes in front of the first unit", () => {
  const parsed = createParser();
  append(parsed, [1, 2, 3, ...LATER_SLICE, ...AUD, ...SLICE]);
  parsed.parser.finish();
  assert.deepEqual(dataOf(parsed.units), [[...AUD, ...SLICE]]);
  assert.equal(parsed.stray(), 3 + LATER_SLICE.length);
});

Deno.test("AccessUnitParser hands on a unit at a mark, and says that it was whole", () => {
  const parsed = createParser();
  append(parsed, [...AUD, ...IDR]);
  assert.deepEqual(parsed.parser.mark(), { from: 0, to: 0, randomAccess: true, intra: true });
  parsed.parser.handOn();
  assert.deepEqual(dataOf(parsed.units), [[...AUD, ...IDR]]);
  append(parsed, [...FILLER, ...NOTE, ...AUD, ...SLICE]);
  parsed.parser.finish();
  assert.deepEqual(parsed.judged, [[true, false]]);
  const next = [...FILLER, ...NOTE, ...AUD, ...SLICE];
  assert.deepEqual(dataOf(parsed.units), [[...AUD, ...IDR], next]);
});

Deno.test("AccessUnitParser gives a unit again that was handed on too early", () => {
  const rests = [LATER_SLICE, [...NOTE, ...LATER_SLICE], [9, 8, 7]];
  for (const rest of rests) {
    const parsed = createParser();
    append(parsed, [...AUD, ...IDR]);
    parsed.parser.mark();
    parsed.parser.handOn();
    parsed.parser.expectNext();
    append(parsed, [...rest, ...AUD, ...SLICE]);
    parsed.parser.finish();
    assert.deepEqual(parsed.judged, [[false, true]]);
    const whole = [...AUD, ...IDR, ...rest];
    assert.deepEqual(dataOf(parsed.units), [[...AUD, ...IDR], whole, [...AUD, ...SLICE]]);
    assert.deepEqual(parsed.units.map(({ again }) => again), [false, true, false]);
  }
});

Deno.test("AccessUnitParser sees no whole unit in the middle of a slice header", () => {
  const parsed = createParser();
  append(parsed, [...AUD, 0, 0, 1, 0x65]);
  assert.equal(parsed.parser.mark(), undefined);
});

Deno.test("AccessUnitParser drops a unit that lost its end, and one that is whole only in doubt", () => {
  for (const trusted of [true, false]) {
    const parsed = createParser();
    append(parsed, [...AUD, ...IDR]);
    parsed.parser.mark();
    assert.equal(parsed.parser.lost({ trusted }), !trusted);
    append(parsed, [...LATER_SLICE, ...AUD, ...SLICE]);
    parsed.parser.finish();
    const last = [...AUD, ...SLICE];
    assert.deepEqual(dataOf(parsed.units), trusted ? [[...AUD, ...IDR], last] : [last]);
  }
});

Deno.test("AccessUnitParser knows HEVC's random access points and layers", () => {
  const aud = [...START, 0x46, 0x01, 0x50];
  const irap = [0, 0, 1, 0x2A, 0x01, 0x80]; // CRA, base layer
  const trail = [0, 0, 1, 0x02, 0x01, 0x80];
  const upperLayer = [0, 0, 1, 0x02, 0x09, 0x80];
  const laterSegment = [0, 0, 1, 0x02, 0x01, 0x40];
  const suffixSei = [0, 0, 1, 0x50, 0x01, 0x05, 0x01, 1, 0x80];
  const first = [...aud, ...irap, ...upperLayer, ...suffixSei];
  const units = unitsOf([...first, ...trail, ...laterSegment], "hevc");
  assert.deepEqual(dataOf(units), [first, [...trail, ...laterSegment]]);
  assert.deepEqual(units.map(({ picture }) => picture.randomAccess), [true, false]);
});

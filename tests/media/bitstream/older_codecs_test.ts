import assert from "node:assert/strict";
import {
  type AccessUnit,
  AccessUnitParser,
  type StartCodeCodec,
} from "../../../src/media/bitstream/mod.ts";

/** Payload without start codes in it. */
const REST = [0x55, 0xAA, 0x55];

function code(last: number, ...payload: number[]): number[] {
  return [0, 0, 1, last, ...payload];
}

/** The units of a stream, which must be the same for any split into pieces. */
function unitsOf(codec: StartCodeCodec, bytes: readonly number[]): AccessUnit[] {
  const all = [1, 3, 1000].map((size) => {
    const units: AccessUnit[] = [];
    const parser = new AccessUnitParser(codec, {
      slabBytes: 4096,
      sink: {
        unit: (unit) => units.push(unit),
        judged: () => {},
        badParameterSet: () => assert.fail("there is no damaged header"),
        dropped: () => assert.fail("nothing is dropped"),
      },
    });
    for (let at = 0; at < bytes.length; at += size) {
      const piece = Uint8Array.from(bytes.slice(at, at + size));
      parser.append(piece, 0, piece.length);
    }
    parser.finish();
    return units;
  });
  for (const units of all) assert.deepEqual(units, all[0]);
  return all[0]!;
}

/** Checks where units are cut, and returns which of them decoding can start at. */
function assertCut(codec: StartCodeCodec, expected: readonly (readonly number[])[]): boolean[] {
  const units = unitsOf(codec, expected.flat());
  assert.deepEqual(units.map(({ data }) => [...data]), expected);
  return units.map(({ picture }) => picture.randomAccess);
}

Deno.test("AccessUnitParser cuts MPEG-4 part 2 in front of headers and VOPs", () => {
  const [intra, other] = [0x10, 0x50].map((type) => code(0xB6, type, ...REST));
  const heads = [code(0xB0, 1), code(0xB5, 9), code(0x00), code(0x20, 8, 9), code(0xB2, 7)].flat();
  const group = code(0xB3, 1, 2);
  const units = [[...heads, ...intra!], other!, [...group, ...intra!], other!];
  assert.deepEqual(assertCut("mpeg4", units), [true, false, false, false]);
  const intras = unitsOf("mpeg4", units.flat()).map((unit) => unit.intra);
  assert.deepEqual(intras, [true, false, true, false]);
});

Deno.test("AccessUnitParser keeps fields and slices of VC-1 with their frame", () => {
  const frame = [...code(0x0D, ...REST), ...code(0x0B, ...REST)];
  const fields = [...code(0x0D, ...REST), ...code(0x0C, ...REST), ...code(0x1C, 1)];
  const sequence = [...code(0x0F, 0xC0, 1), ...code(0x0E, 2)];
  const entry = code(0x0E, 2);
  const units = [[...sequence, ...frame], fields, [...entry, ...frame], [...frame, ...code(0x0A)]];
  assert.deepEqual(assertCut("vc1", units), [true, false, false, false]);
});

Deno.test("AccessUnitParser cuts AVS by its two kinds of pictures", () => {
  const intra = [...code(0xB3, ...REST), ...code(0x00, ...REST), ...code(0x01, ...REST)];
  const other = [...code(0xB6, ...REST), ...code(0x00, ...REST)];
  const sequence = [...code(0xB0, 0x20, 1), ...code(0xB5, 3)];
  const units = [[...sequence, ...intra], other, intra, [...sequence, ...intra]];
  assert.deepEqual(assertCut("cavs", units), [true, false, false, true]);
  assert.deepEqual(
    unitsOf("cavs", units.flat()).map((unit) => unit.intra),
    [true, false, true, true],
  );
});

/** A picture of MPEG-2 with one slice; `structure` 1 and 2 are fields, 3 is a frame. */
function mpeg2Picture(temporalReference: number, type: number, structure = 3): number[] {
  const low = (temporalReference & 3) << 6 | type << 3;
  const header = code(0x00, temporalReference >> 2, low | 7, 0xFF, 0xF8);
  return [
    ...header,
    ...code(0xB5, 0x8F, 0xFF, 0xF0 | structure, 0x40, 0x80),
    ...code(0x01, ...REST),
    ...code(0x02, ...REST),
  ];
}

/** Of 720 × 576 pixels at 25 frames a second. Its extension ends with a byte of zeros. */
const SEQUENCE = [
  ...code(0xB3, 0x2D, 0x02, 0x40, 0x33, 0xFF, 0xFF, 0xE0, 0x18),
  ...code(0xB5, 0x14, 0x8A, 0x00, 0x01, 0x00, 0x00),
];
const GROUP = code(0xB8, 0, 8, 0, 0x40);

Deno.test("AccessUnitParser orders the pictures of MPEG-2 beyond their groups", () => {
  const first = [[2, 1], [0, 3], [1, 3], [5, 2], [3, 3], [4, 3]] as const;
  const units = [first, first].flatMap((group) =>
    group.map(([place, type], index) => [
      ...(index === 0 ? [...SEQUENCE, ...GROUP] : []),
      ...mpeg2Picture(place, type),
    ])
  );
  const starts = assertCut("mpeg2video", units);
  assert.deepEqual(starts.flatMap((start, index) => start ? [index] : []), [0, 6]);
  const pictures = unitsOf("mpeg2video", units.flat()).map(({ picture }) => picture);
  assert.deepEqual(pictures.map(({ order }) => order), [2, 0, 1, 5, 3, 4, 8, 6, 7, 11, 9, 10]);
  assert.deepEqual(pictures.map(({ startsOrder }) => startsOrder), [
    true,
    ...Array(11).fill(false),
  ]);
  const { width, height, frameSeconds } = pictures[0]!.sequence!;
  assert.deepEqual([width, height, frameSeconds], [720, 576, 0.04]);
});

Deno.test("AccessUnitParser counts pictures of MPEG-2 on where temporal_reference wraps", () => {
  const places = [1021, 1023, 1022, 1, 0, 3, 2];
  const units = places.map((place, index) => [
    ...(index === 0 ? [...SEQUENCE, ...GROUP] : []),
    ...mpeg2Picture(place, index === 0 ? 1 : 2),
  ]);
  const pictures = unitsOf("mpeg2video", units.flat()).map(({ picture }) => picture);
  assert.deepEqual(
    pictures.map(({ order }) => order),
    [1021, 1023, 1022, 1025, 1024, 1027, 1026],
  );
});

Deno.test("AccessUnitParser joins the fields of MPEG-2 to frames, and not those of two frames", () => {
  const frame = (place: number): number[] => [
    ...mpeg2Picture(place, 1, 1),
    ...mpeg2Picture(place, 2, 2),
  ];
  const units = [[...SEQUENCE, ...GROUP, ...frame(0)], frame(1), mpeg2Picture(2, 2), frame(3)];
  assertCut("mpeg2video", units);
});

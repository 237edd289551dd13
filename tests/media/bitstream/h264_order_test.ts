import assert from "node:assert/strict";
import { type AccessUnit, AccessUnitParser } from "../../../src/media/bitstream/mod.ts";

/** Bits, Exp-Golomb codes with a letter in front: `u` unsigned, `s` signed. */
function nal(header: number, ...fields: readonly string[]): number[] {
  const bits = fields.map((field) => {
    if (!/^[us]/.test(field)) return field;
    const value = Number(field.slice(1));
    const code = field[0] === "u" ? value : value > 0 ? 2 * value - 1 : -2 * value;
    const binary = (code + 1).toString(2);
    return "0".repeat(binary.length - 1) + binary;
  }).join("") + "1";
  const bytes = bits.match(/.{1,8}/g)!.map((byte) => parseInt(byte.padEnd(8, "0"), 2));
  // What follows is no part of a header.
  return [0, 0, 1, header, ...bytes, ...Array<number>(48).fill(0x5A)];
}

const bits = (value: number, count: number): string => value.toString(2).padStart(count, "0");

/** 16 × 16 pixels, 4 bits of `frame_num`, 8 bits of `pic_order_cnt_lsb`. */
const SPS = nal(
  ...[0x67, bits(77, 8), bits(0, 8), bits(30, 8), "u0", "u0", "u0", "u4"] as const,
  ...["u1", "0", "u0", "u0", "1", "1", "0", "0"],
);

/** With weights for P-slices and two references by default. */
const PPS = nal(
  ...[0x68, "u0", "u0", "0", "0", "u0", "u1", "u0", "1", "00", "s0", "s0", "s0", "000"] as const,
);

interface Slice {
  readonly type: "I" | "P" | "B";
  readonly frameNum: number;
  readonly lsb: number;
  readonly marking?: readonly string[];
}

function slice({ type, frameNum, lsb, marking }: Slice): number[] {
  const head = ["u0", { I: "u7", P: "u5", B: "u6" }[type], "u0", bits(frameNum, 4), bits(lsb, 8)];
  if (type === "B") return nal(0x01, ...head, "1", "0", "0", "0");
  // A list that is modified, and weights of both references, one of them with colour.
  const lists = type === "I" ? [] : [
    "0",
    "1",
    "u0",
    "u3",
    "u3",
    "u2",
    "u2",
    "1",
    "s7",
    "s-1",
    "0",
    "0",
    "1",
    "s1",
    "s2",
    "s3",
    "s4",
  ];
  return nal(0x61, ...head, ...lists, ...(marking === undefined ? ["0"] : ["1", ...marking]));
}

function picturesOf(slices: readonly Slice[]): AccessUnit["picture"][] {
  const pictures: AccessUnit["picture"][] = [];
  const parser = new AccessUnitParser("h264", {
    slabBytes: 4096,
    sink: {
      unit: ({ picture }) => pictures.push(picture),
      judged: () => {},
      badParameterSet: () => assert.fail("the parameter sets are whole"),
      dropped: () => assert.fail("nothing is dropped"),
    },
  });
  const bytes = Uint8Array.from([...SPS, ...PPS, ...slices.flatMap(slice)]);
  parser.append(bytes, 0, bytes.length);
  parser.finish();
  return pictures;
}

Deno.test("pictures that reset the order of H.264 start it anew, and others do not", () => {
  const pictures = picturesOf([
    { type: "I", frameNum: 0, lsb: 100 },
    { type: "P", frameNum: 1, lsb: 106, marking: ["u1", "u0", "u3", "u0", "u0", "u0"] },
    { type: "B", frameNum: 2, lsb: 102 },
    { type: "P", frameNum: 2, lsb: 112, marking: ["u5", "u0"] },
    { type: "P", frameNum: 1, lsb: 4 },
    { type: "B", frameNum: 2, lsb: 2 },
    { type: "I", frameNum: 2, lsb: 8, marking: ["u4", "u1", "u5", "u0"] },
    { type: "P", frameNum: 1, lsb: 2 },
  ]);
  assert.deepEqual(pictures.map(({ order }) => order), [100, 106, 102, 0, 4, 2, 0, 2]);
  assert.deepEqual(
    pictures.map(({ startsOrder }) => startsOrder),
    [false, false, false, true, false, false, true, false],
  );
});

import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import {
  convertPicture,
  imageFromTensor,
  type Picture,
  rgbTensor,
} from "../../../src/frames/mod.ts";
import { COLORS, largestError, noisePicture, seededRandom } from "../pictures.ts";

const WIDTH = 5;
const HEIGHT = 3;

/** Pixels in `[H,W,C]` order and the same in `[C,H,W]` order. */
function layouts(channels: number): { hwc: Uint8Array; chw: Uint8Array } {
  const random = seededRandom(channels);
  const size = WIDTH * HEIGHT;
  const hwc = Uint8Array.from({ length: size * channels }, () => Math.floor(random() * 256));
  const chw = new Uint8Array(hwc.length);
  for (let at = 0; at < hwc.length; at++) {
    chw[at % channels * size + Math.floor(at / channels)] = hwc[at]!;
  }
  return { hwc, chw };
}

/** A tensor of one of the accepted types that holds the given bytes. */
function tensorOf(
  type: "uint8" | "float32" | "float16",
  bytes: Uint8Array,
  dims: number[],
): Tensor {
  if (type === "uint8") return new Tensor("uint8", bytes.slice(), dims);
  const parts = Array.from(bytes, (value) => value / 255);
  if (type === "float32") return new Tensor("float32", Float32Array.from(parts), dims);
  // onnxruntime's types name halves by their bits.
  const bits = new Uint16Array(Float16Array.from(parts).buffer);
  return new Tensor("float16", bits, dims);
}

Deno.test("imageFromTensor() takes every type, layout and number of colour channels", () => {
  for (const channels of [3, 4]) {
    const { hwc, chw } = layouts(channels);
    const shapes: readonly (readonly [number[], Uint8Array])[] = [
      [[HEIGHT, WIDTH, channels], hwc],
      [[1, HEIGHT, WIDTH, channels], hwc],
      [[channels, HEIGHT, WIDTH], chw],
      [[1, channels, HEIGHT, WIDTH], chw],
    ];
    for (const type of ["uint8", "float32", "float16"] as const) {
      for (const [dims, bytes] of shapes) {
        const picture = imageFromTensor(tensorOf(type, bytes, dims));
        assert.equal(picture.pixelFormat, channels === 3 ? "rgb24" : "rgba");
        assert.deepEqual([picture.width, picture.height], [WIDTH, HEIGHT]);
        assert.deepEqual(picture.data, hwc, `${type} [${dims}]`);
      }
    }
  }
});

Deno.test("imageFromTensor() makes grey of one channel, in every range", () => {
  const { hwc } = layouts(1);
  const asRgb = Uint8Array.from({ length: hwc.length * 3 }, (_, at) => hwc[Math.floor(at / 3)]!);
  for (const color of COLORS) {
    for (const dims of [[HEIGHT, WIDTH, 1], [1, HEIGHT, WIDTH], [1, 1, HEIGHT, WIDTH]]) {
      const picture = imageFromTensor(tensorOf("float32", hwc, dims), { color });
      assert.equal(picture.pixelFormat, "i420");
      assert.deepEqual([picture.width, picture.height], [WIDTH, HEIGHT]);
      assert.ok(largestError(convertPicture(picture, "rgb24"), asRgb) <= 1, `[${dims}]`);
    }
  }
});

Deno.test("imageFromTensor() clamps, rounds, and takes NaN for 0", () => {
  const values = [NaN, -0.5, -Infinity, 1.5, Infinity, 0.5 / 255, 0.49 / 255, 254.6 / 255, 1];
  const expected = [0, 0, 0, 255, 255, 1, 0, 255, 255];
  const floats = imageFromTensor(new Tensor("float32", Float32Array.from(values), [1, 3, 3]));
  assert.deepEqual([...floats.data], expected);
  const halves = new Uint16Array(Float16Array.from([NaN, -1, 2, Infinity, 1, 0]).buffer);
  const picture = imageFromTensor(new Tensor("float16", halves, [1, 2, 3]));
  assert.deepEqual([...picture.data], [0, 0, 255, 255, 255, 0]);
});

Deno.test("imageFromTensor() rounds half-precision numbers as it rounds single ones", () => {
  const bits = Uint16Array.from({ length: 65_535 }, (_, at) => at);
  const singles = Float32Array.from(new Float16Array(bits.buffer));
  const dims = [21_845 / 5, 5, 3];
  assert.deepEqual(
    imageFromTensor(new Tensor("float16", bits, dims)).data,
    imageFromTensor(new Tensor("float32", singles, dims)).data,
  );
});

Deno.test("imageFromTensor() does not copy uint8 pixels with the channels last", () => {
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  const picture = imageFromTensor(new Tensor("uint8", data, [HEIGHT, WIDTH, 3]));
  assert.equal(picture.data.buffer, data.buffer);
});

Deno.test("imageFromTensor() names what it got and what is accepted", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [new Tensor("float32", new Float32Array(20), [4, 5]), /float32 tensor of shape \[4,5\] in cpu/],
    [new Tensor("uint8", new Uint8Array(60), [5, 6, 2]), /\[5,6,2\]/],
    [new Tensor("uint8", new Uint8Array(120), [2, 4, 5, 3]), /\[2,4,5,3\]/],
    [new Tensor("uint8", new Uint8Array(0), [0, 5, 3]), /\[0,5,3\]/],
    [new Tensor("int32", new Int32Array(12), [2, 2, 3]), /an? int32 tensor/],
    [new Tensor("float64", new Float64Array(12), [2, 2, 3]), /float64 tensor/],
    [new Tensor("uint8", new Uint8Array(12), [1, 1, 2, 2, 3]), /\[1,1,2,2,3\]/],
    [null, /null/],
    [new Uint8Array(12), /type object/],
    [undefined, /undefined/],
  ];
  for (const [tensor, got] of wrong) {
    assert.throws(() => imageFromTensor(tensor as Tensor), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, got);
      assert.match(error.message, /accepted are uint8.*float32.*\[H,W,C\].*C = 1, 3 or 4/);
      return true;
    });
  }
});

Deno.test("imageFromTensor() refuses a tensor whose numbers are not on the CPU", () => {
  const gpuBuffer = { size: 12 } as unknown as Parameters<typeof Tensor.fromGpuBuffer>[0];
  const tensor = Tensor.fromGpuBuffer(gpuBuffer, { dataType: "float32", dims: [2, 2, 3] });
  assert.throws(() => imageFromTensor(tensor), /gpu-buffer memory.*getData\(\)/);
});

Deno.test("rgbTensor() shares the bytes of rgb24 and converts other formats", () => {
  for (const format of ["rgb24", "i420", "rgba"] as const) {
    const picture: Picture = noisePicture(format, [6, 4]);
    const tensor = rgbTensor(picture);
    assert.deepEqual([tensor.type, [...tensor.dims]], ["uint8", [4, 6, 3]]);
    assert.deepEqual(tensor.data, convertPicture(picture, "rgb24"));
    assert.equal(tensor.data === picture.data, format === "rgb24");
  }
});

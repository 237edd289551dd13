import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import {
  imageFromTensor,
  imageToTensor,
  type Picture,
  type PixelFormat,
  scalePicture,
} from "../../../src/frames/mod.ts";
import { type ImageToTensorOptions, tensorDims } from "../../../src/gpu/mod.ts";
import { ffmpegPictures } from "../ffmpeg_pictures.ts";
import { COLORS, noisePicture, psnr } from "../pictures.ts";
import {
  allSpecs,
  assertClose,
  assertSameBytes,
  describeCase,
  FORMATS,
  type FullSpec,
  modelNumbers,
  PLACEMENTS,
  turn,
  turnPicture,
} from "./tensor_cases.ts";
import {
  numbersOf,
  referenceConversion,
  referenceNumbers,
  referencePicture,
} from "./tensor_reference.ts";

/** Red, green; blue, grey. */
const FOUR: Picture = {
  pixelFormat: "rgb24",
  data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 51, 102, 204),
  width: 2,
  height: 2,
};

function listOf(picture: Picture, options: ImageToTensorOptions): number[] {
  return Array.from(numbersOf(imageToTensor(picture, options)), (n) => Math.round(n * 1e4) / 1e4);
}

Deno.test("imageToTensor() gives float32 NCHW RGB of 0-1 unless told otherwise", () => {
  const tensor = imageToTensor(FOUR);
  assert.deepEqual([tensor.type, [...tensor.dims], tensor.location], [
    "float32",
    [1, 3, 2, 2],
    "cpu",
  ]);
  assert.deepEqual(listOf(FOUR, {}), [1, 0, 0, 0.2, 0, 1, 0, 0.4, 0, 0, 1, 0.8]);
});

Deno.test("imageToTensor() orders, types and scales numbers as it is told", () => {
  const cases: [ImageToTensorOptions, number[], number[]][] = [
    [{ layout: "chw", channelOrder: "bgr", range: "0-255" }, [3, 2, 2], [
      ...[0, 0, 255, 204],
      ...[0, 255, 0, 102],
      ...[255, 0, 0, 51],
    ]],
    [{ layout: "hwc", dtype: "uint8" }, [2, 2, 3], [...FOUR.data]],
    [{ layout: "nhwc", range: "-1-1" }, [1, 2, 2, 3], [
      ...[1, -1, -1, -1, 1, -1],
      ...[-1, -1, 1, -0.6, -0.2, 0.6],
    ]],
    [{ layout: "hwc", channels: 4, dtype: "float16", range: "0-255" }, [2, 2, 4], [
      ...[255, 0, 0, 255, 0, 255, 0, 255],
      ...[0, 0, 255, 255, 51, 102, 204, 255],
    ]],
    [{ channels: 1, range: "0-255" }, [1, 1, 2, 2], [76.2454, 149.6855, 29.0691, 98.3798]],
    [{ layout: "chw", range: { mean: [0.5, 0, 1], std: [0.5, 0.25, -1] } }, [3, 2, 2], [
      ...[1, -1, -1, -0.6],
      ...[0, 4, 0, 1.6],
      ...[1, 1, 0, 0.2],
    ]],
  ];
  for (const [options, dims, numbers] of cases) {
    assert.deepEqual([...imageToTensor(FOUR, options).dims], dims);
    listOf(FOUR, options).forEach((number, i) =>
      assert.ok(Math.abs(number - numbers[i]!) < 2e-3, `${describeCase(options)} ${i}: ${number}`)
    );
  }
});

Deno.test("imageToTensor() scales by half-pixel centres, as hand-computed", () => {
  const row: Picture = {
    pixelFormat: "rgb24",
    data: Uint8Array.of(0, 0, 0, 100, 100, 100),
    width: 2,
    height: 1,
  };
  const options = { layout: "hwc", range: "0-255", channels: 3, height: 1 } as const;
  const reds = (width: number): number[] =>
    listOf(row, { ...options, width }).filter((_, i) => i % 3 === 0);
  assert.deepEqual(reds(4), [0, 25, 75, 100]);
  assert.deepEqual(reds(1), [50]);
  assert.deepEqual(reds(3), [0, 50, 100]);
  const padded = listOf(row, {
    ...options,
    width: 4,
    height: 3,
    fit: "pad",
    background: [7, 8, 9],
  });
  assert.deepEqual(padded.filter((_, i) => i % 3 === 0), [7, 7, 7, 7, 7, 0, 100, 7, 7, 7, 7, 7]);
});

Deno.test("imageToTensor() is what the definitions say, for every tensor", () => {
  let index = 0;
  for (const spec of allSpecs()) {
    for (const size of [[3, 5], [6, 4]] as const) {
      for (const format of FORMATS) {
        const picture = noisePicture(format, size, turn(COLORS, index));
        const options = { ...spec, ...turn(PLACEMENTS, index++)(picture) };
        assertTensor(picture, options, spec);
      }
    }
  }
});

for (const [i, size] of ([[2, 2], [17, 31], [64, 48], [127, 65]] as const).entries()) {
  Deno.test(`imageToTensor() is what the definitions say, from ${size.join("x")}`, () => {
    const specs = [...allSpecs()];
    for (const [index, place] of PLACEMENTS.entries()) {
      const spec = turn(specs, (index + i * 8) * 5);
      const picture = turnPicture(index + i, size);
      assertTensor(picture, { ...spec, ...place(picture) }, spec);
    }
  });
}

function assertTensor(picture: Picture, options: ImageToTensorOptions, spec: FullSpec): void {
  const what = describeCase(picture, options);
  const tensor = imageToTensor(picture, options);
  assert.equal(tensor.type, spec.dtype, what);
  assertClose(tensor, referenceNumbers(picture, options), { spec, what, steps: 2e-3 });
}

Deno.test("imageFromTensor() is what the definitions say, for every tensor and odd numbers", () => {
  let index = 0;
  for (const spec of allSpecs()) {
    for (const from of [{ width: 5, height: 3 }, { width: 6, height: 8 }]) {
      for (const placement of FROM_TENSOR) {
        assertPicture(spec, { ...placement(from), from, index: index++ });
      }
    }
  }
});

Deno.test("imageFromTensor() is what the definitions say, of larger tensors", () => {
  const specs = [...allSpecs()];
  for (let index = 0; index < 12; index++) {
    const from = turn([{ width: 64, height: 48 }, { width: 127, height: 65 }], index);
    assertPicture(turn(specs, index * 13), { ...turn(FROM_TENSOR, index)(from), from, index });
  }
});

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Parts of a tensor and sizes of a picture. */
const FROM_TENSOR: readonly ((
  from: Size,
) => Pick<ImageToTensorOptions, "crop" | "width" | "height">)[] = [
  () => ({}),
  ({ width, height }) => ({ width: width * 2, height: height + 3 }),
  ({ width, height }) => ({ crop: { x: 1, y: 1, width: width - 2, height: height - 1 } }),
  ({ width, height }) => ({
    crop: { x: 0.5, y: 0, width: width - 1.25, height: height - 0.75 },
    width: width + 3,
    height: 7,
  }),
];

function assertPicture(
  spec: FullSpec,
  options: ReturnType<typeof FROM_TENSOR[number]> & { readonly from: Size; readonly index: number },
): void {
  const { from, index, ...placement } = options;
  const { layout, channels, dtype } = spec;
  const numbers = modelNumbers(from.width * from.height * channels, spec, index);
  const tensor = tensorOf(dtype, numbers, tensorDims({ layout, channels }, from));
  const all = {
    ...spec,
    ...placement,
    pixelFormat: turn(FORMATS, index),
    color: turn(COLORS, index),
  };
  const what = describeCase(all, from, index);
  const picture = imageFromTensor(tensor, all);
  const expected = referencePicture(numbersOf(tensor), { ...all, from });
  assert.deepEqual([picture.pixelFormat, picture.color], [all.pixelFormat, all.color], what);
  assert.equal(picture.width, placement.width ?? Math.round(placement.crop?.width ?? from.width));
  assertSameBytes(picture.data, expected, { what });
}

function tensorOf(dtype: FullSpec["dtype"], numbers: number[], dims: number[]): Tensor {
  if (dtype === "uint8") return new Tensor("uint8", Uint8Array.from(numbers), dims);
  if (dtype === "float32") return new Tensor("float32", Float32Array.from(numbers), dims);
  const bits = new Uint16Array(Float16Array.from(numbers).buffer);
  return new Tensor("float16", bits, dims);
}

Deno.test("imageFromTensor() clamps, rounds half up, and takes NaN for 0", () => {
  const numbers = [NaN, -Infinity, -3, 0.49, 0.5, 1.5, 254.49, 254.5, 256, Infinity, 1e30, 77];
  const tensor = new Tensor("float32", Float32Array.from(numbers), [2, 2, 3]);
  const picture = imageFromTensor(tensor, { pixelFormat: "rgb24", range: "0-255" });
  assert.deepEqual([...picture.data], [0, 0, 0, 0, 1, 2, 254, 255, 255, 255, 255, 77]);
  // What no pixel has is none when it is mixed with its neighbours, either.
  const mixed = new Tensor("float32", Float32Array.of(NaN, 100, 1e9, 100), [1, 4, 1]);
  const wide = imageFromTensor(mixed, {
    pixelFormat: "rgb24",
    range: "0-255",
    width: 8,
    height: 1,
  });
  assert.deepEqual([...wide.data].filter((_, i) => i % 3 === 0), [
    0,
    25,
    75,
    139,
    216,
    216,
    139,
    100,
  ]);
});

Deno.test("imageFromTensor() makes grey of one channel, with neutral chroma", () => {
  const tensor = new Tensor("float32", Float32Array.of(0, 0.2, 0.5, 1), [1, 1, 2, 2]);
  const rgba = imageFromTensor(tensor, { pixelFormat: "rgba" });
  assert.deepEqual([...rgba.data], [0, 51, 128, 255].flatMap((v) => [v, v, v, 255]));
  const color = { matrix: "bt709", fullRange: false } as const;
  const yuv = imageFromTensor(tensor, { pixelFormat: "i420", color });
  assert.deepEqual([...yuv.data], [16, 60, 126, 235, 128, 128]);
});

Deno.test("imageFromTensor() reads half-precision numbers as bits and as Float16Array", () => {
  const halves = Float16Array.of(0, 0.25, 1, 0.5, 2, -1);
  const bits = new Tensor("float16", new Uint16Array(halves.buffer), [1, 2, 3]);
  const floats = { ...fields(bits), data: halves } as unknown as Tensor;
  for (const tensor of [bits, floats]) {
    const { data } = imageFromTensor(tensor, { pixelFormat: "rgb24" });
    assert.deepEqual([...data], [0, 64, 255, 128, 255, 0]);
  }
});

function fields({ type, dims, location }: Tensor): Pick<Tensor, "type" | "dims" | "location"> {
  return { type, dims, location };
}

Deno.test("a picture goes through a tensor and back unchanged", () => {
  for (const spec of allSpecs()) {
    if (spec.channels === 1) continue;
    const picture = noisePicture(spec.channels === 4 ? "rgba" : "rgb24", [7, 5]);
    const { dtype: _, ...reading } = spec;
    const { pixelFormat } = picture;
    const back = imageFromTensor(imageToTensor(picture, spec), { ...reading, pixelFormat });
    assert.deepEqual(back.data, picture.data, describeCase(spec));
  }
});

Deno.test("a letterbox is undone by cutting its picture out and scaling it back", () => {
  const picture = noisePicture("rgb24", [16, 9]);
  const tensor = imageToTensor(picture, {
    width: 32,
    height: 32,
    fit: "letterbox",
    background: [255, 0, 0],
  });
  const crop = { x: 0, y: 7, width: 32, height: 18 };
  const same = imageFromTensor(tensor, { pixelFormat: "rgb24", crop });
  assert.deepEqual([same.width, same.height], [32, 18]);
  const enlarged = scalePicture(picture, { width: 32, height: 18 });
  assertSameBytes(same.data, enlarged.data, { what: "same", share: 0.25 });
  const small = imageFromTensor(tensor, { pixelFormat: "rgb24", crop, width: 16, height: 9 });
  assert.ok(psnr(small.data, picture.data) > 15);
});

Deno.test("scalePicture() is what the definitions say, in every format", () => {
  for (let index = 0; index < 24; index++) {
    const picture = turnPicture(index, turn([[17, 31], [8, 6]] as const, index));
    const options = turn(PLACEMENTS, index)(picture);
    const scaled = scalePicture(picture, options);
    const { pixelFormat } = picture;
    assert.deepEqual([scaled.pixelFormat, scaled.color], [pixelFormat, picture.color]);
    const expected = referenceConversion(picture, { ...options, pixelFormat });
    assertSameBytes(scaled.data, expected, { what: describeCase(picture, options) });
  }
});

Deno.test("imageToTensor() refuses options that make no tensor, and says what does", () => {
  const cases: [unknown, RegExp][] = [
    [
      { layout: "hcw" },
      /TypeError: Cannot make a tensor with layout hcw: use nchw, nhwc, chw, hwc/,
    ],
    [{ dtype: "int8" }, /TypeError: Cannot make a tensor with dtype int8: use uint8, float32, f/],
    [{ channels: 2 }, /TypeError: Cannot make a tensor with channels 2: use 1, 3, 4/],
    [{ channelOrder: "gbr" }, /TypeError: .*channelOrder gbr: use rgb, bgr/],
    [
      { dtype: "uint8", range: "0-1" },
      /TypeError: .*range 0-1 with uint8 numbers.*leave the range/,
    ],
    [{ range: "0-100" }, /TypeError: Cannot use the range 0-100: use "0-1", "0-255", "-1-1", or/],
    [{ range: { mean: [0], std: [1] } }, /TypeError: .*a number for each of 3 channels, std not 0/],
    [{ range: { mean: [0, 0, 0], std: [1, 0, 1] } }, /TypeError: .*std not 0/],
    [{ range: { mean: [0, NaN, 0], std: [1, 1, 1] } }, /TypeError: .*a number for each/],
    [{ width: 0 }, /RangeError: Cannot convert to 0x2: use whole numbers from 1 to 16384/],
    [{ height: 1.5 }, /RangeError: Cannot convert to 2x1.5/],
    [{ width: 16_385 }, /RangeError: Cannot convert to 16385x2/],
    [{ fit: "fill" }, /TypeError: Cannot fit by "fill"/],
    [
      { background: [0, 0] },
      /TypeError: Cannot fill with the colour 0,0: use three numbers from 0/,
    ],
    [{ background: [0, 0, 256] }, /TypeError: Cannot fill with the colour 0,0,256/],
    [{ background: [0, NaN, 2] }, /TypeError: Cannot fill with the colour 0,NaN,2/],
    [
      { crop: { x: 1, y: 0, width: 2, height: 2 } },
      /RangeError: Cannot take 2x2 at 1,0 out of 2x2/,
    ],
    [{ crop: { x: 0, y: NaN, width: 2, height: 2 } }, /RangeError: .*give a part that lies inside/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => imageToTensor(FOUR, options as ImageToTensorOptions), message);
  }
  const short = { ...FOUR, data: new Uint8Array(11) };
  for (const pixelFormat of FORMATS) {
    assert.throws(() => imageToTensor({ ...short, pixelFormat }), RangeError, pixelFormat);
  }
});

Deno.test("imageFromTensor() refuses what holds no picture, and says what does", () => {
  const floats = (dims: number[]): Tensor =>
    new Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
  const cases: [Tensor, object, RegExp][] = [
    [floats([4, 4]), {}, /TypeError: .*of shape \[4,4\] in cpu.*of shape \[H,W,C\]/],
    [floats([2, 3, 4, 4]), {}, /TypeError: .*\[2,3,4,4\]/],
    [floats([5, 4, 2]), {}, /TypeError: .*\[5,4,2\]/],
    [floats([5, 4, 3]), { layout: "chw" }, /TypeError: .*in layout chw with 1, 3 or 4/],
    [floats([4, 4, 3]), { channels: 1 }, /TypeError: .*layout any with 1 channels/],
    [floats([4, 4, 3]), { range: "x" }, /TypeError: Cannot use the range x/],
    [floats([4, 4, 3]), { pixelFormat: "nv12" }, /TypeError: .*format nv12/],
    [floats([4, 4, 3]), { width: -1 }, /RangeError: Cannot convert to -1x4/],
    [floats([4, 4, 3]), { crop: { x: 3, y: 0, width: 2, height: 1 } }, /RangeError: .*at 3,0 out/],
    [
      new Tensor("int32", new Int32Array(48), [4, 4, 3]),
      {},
      /TypeError: .*a int32 tensor of shape \[4,4,3\] in cpu memory: accepted are uint8/,
    ],
    [
      undefined as unknown as Tensor,
      {},
      /TypeError: Cannot make a picture of a value of type undefined/,
    ],
  ];
  for (const [tensor, options, message] of cases) {
    assert.throws(() => imageFromTensor(tensor, { pixelFormat: "rgb24", ...options }), message);
  }
});

for (const [index, color] of COLORS.entries()) {
  const name = `${color.matrix}, ${color.fullRange ? "full" : "limited"} range`;
  Deno.test(`tensors agree with ffmpeg's conversion of video, ${name}`, async () => {
    const { rgb, yuv, rgbAgain } = await ffmpegPictures(
      turn(["testsrc2", "mandelbrot"] as const, index),
      color,
    );
    const spec = { layout: "nchw", range: "-1-1" } as const;
    const through = (picture: Picture, pixelFormat: PixelFormat): Uint8Array =>
      imageFromTensor(imageToTensor(picture, spec), { ...spec, pixelFormat, color }).data;
    const toRgb = psnr(through(yuv, "rgb24"), rgbAgain.data);
    assert.ok(toRgb > 40, `from YUV: ${toRgb} dB`);
    const toYuv = psnr(through(rgb, "i420"), yuv.data);
    assert.ok(toYuv > 40, `to YUV: ${toYuv} dB`);
  });
}

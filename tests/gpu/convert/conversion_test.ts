import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import * as cpu from "../../../src/frames/mod.ts";
import type { Picture, PixelFormat } from "../../../src/frames/mod.ts";
import {
  convertPicture,
  type Gpu,
  type GpuTensor,
  imageFromTensor,
  type ImageFromTensorOptions,
  imageToTensor,
  type ImageToTensorOptions,
  resolveTensorSpec,
  tensorDims,
} from "../../../src/gpu/mod.ts";
import { ffmpegPictures } from "../../frames/ffmpeg_pictures.ts";
import { COLORS, noisePicture, psnr, seededRandom, smoothPicture } from "../../frames/pictures.ts";
import {
  allSpecs,
  assertClose,
  assertSameBytes,
  CHANNELS,
  describeCase,
  DTYPES,
  FORMATS,
  type FullSpec,
  LAYOUTS,
  modelNumbers,
  ORDERS,
  PLACEMENTS,
  RANGES,
  turn,
} from "../../frames/convert/tensor_cases.ts";
import { numbersOf } from "../../frames/convert/tensor_reference.ts";
import { conversionTest, download, upload } from "./conversion_case.ts";

const SIZES = [[2, 2], [3, 5], [17, 31], [64, 48], [127, 65], [640, 360]] as const;

const ARRAYS = { uint8: Uint8Array, float16: Float16Array, float32: Float32Array } as const;

async function downloadTensor(gpu: Gpu, tensor: GpuTensor): Promise<Pick<Tensor, "type" | "data">> {
  const type = tensor.dtype;
  const count = tensor.dims.reduce((product, side) => product * side, 1);
  const bytes = Math.ceil(count * ARRAYS[type].BYTES_PER_ELEMENT / 4) * 4;
  const { buffer } = await gpu.readback.read(tensor.buffer, bytes, { into: new Uint8Array(bytes) });
  return {
    type,
    data: new ARRAYS[type](buffer as ArrayBuffer, 0, count) as unknown as Tensor["data"],
  };
}

/** The same conversion on the GPU and the CPU. */
async function comparePictureToTensor(
  gpu: Gpu,
  picture: Picture,
  options: ImageToTensorOptions & FullSpec,
): Promise<void> {
  const what = describeCase(picture, options);
  const source = upload(gpu, picture);
  const tensor = imageToTensor(gpu, source, options);
  const expected = cpu.imageToTensor(picture, options);
  assert.deepEqual([tensor.dtype, tensor.dims], [expected.type, [...expected.dims]], what);
  const numbers = await downloadTensor(gpu, tensor);
  // Positions have 32 bits; halves, of which scaled bytes have many, may fall the other way.
  const tolerance = { steps: 0.05, roundedShare: options.dtype === "uint8" ? 0.05 : 0.005 };
  assertClose(numbers, numbersOf(expected), { spec: options, what, ...tolerance });
  gpu.pool.release(source.buffer);
  gpu.pool.release(tensor.buffer);
}

/** The tensors that have a shader of their own, in turns of four ranges. */
function* shaderSpecs(): Generator<FullSpec> {
  let index = 0;
  for (const layout of LAYOUTS) {
    for (const dtype of DTYPES) {
      for (const channels of CHANNELS) {
        for (const channelOrder of channels === 1 ? ["rgb"] as const : ORDERS) {
          const range = dtype === "uint8" ? "0-255" : turn(RANGES, index++);
          yield { layout, dtype, channels, channelOrder, range };
        }
      }
    }
  }
}

/** Chooses of lists, repeatably. */
function chooser(seed: number): <T>(list: readonly T[]) => T {
  const random = seededRandom(seed);
  return (list) => list[Math.floor(random() * list.length)]!;
}

for (const [i, pixelFormat] of FORMATS.entries()) {
  conversionTest(`imageToTensor() from ${pixelFormat} is what it is on the CPU`, async (gpu) => {
    const choose = chooser(11 + i);
    for (const spec of shaderSpecs()) {
      const picture = noisePicture(pixelFormat, choose(SIZES), choose(COLORS));
      await comparePictureToTensor(gpu, picture, { ...spec, ...choose(PLACEMENTS)(picture) });
    }
  });
}

conversionTest("imageToTensor() lays pictures of every size in every way", async (gpu) => {
  const spec = { layout: "nchw", dtype: "float32", channels: 3, channelOrder: "rgb" } as const;
  for (const [index, size] of SIZES.entries()) {
    for (const [turns, place] of PLACEMENTS.entries()) {
      const range = turn(RANGES, index + turns);
      const picture = noisePicture("i420", size, turn(COLORS, turns));
      await comparePictureToTensor(gpu, picture, { ...spec, range, ...place(picture) });
    }
  }
});

conversionTest("planes that share words are right to the last number", async (gpu) => {
  for (const dtype of ["uint8", "float16"] as const) {
    for (const channels of CHANNELS) {
      const range = "0-255" as const;
      const spec = { layout: "chw", dtype, channels, channelOrder: "bgr", range } as const;
      for (const size of [[1, 1], [1, 3], [3, 3], [3, 5], [17, 31], [127, 65]] as const) {
        await comparePictureToTensor(gpu, noisePicture("rgba", size), spec);
      }
    }
  }
});

conversionTest("imageToTensor() gives the greys of both matrices", async (gpu) => {
  for (const color of COLORS) {
    const picture = noisePicture("i420", [17, 31], color);
    for (const { channels: _, ...spec } of [...allSpecs()].slice(0, 3)) {
      await comparePictureToTensor(gpu, picture, { ...spec, channels: 1 });
    }
  }
});

/** The same conversion on the GPU and the CPU. */
async function compareTensorToPicture(
  gpu: Gpu,
  spec: FullSpec,
  options: ImageFromTensorOptions & { readonly from: readonly [number, number]; seed: number },
): Promise<void> {
  const { from: [width, height], seed, ...rest } = options;
  const dims = tensorDims(resolveTensorSpec(spec), { width, height });
  const count = width * height * spec.channels;
  const numbers = ARRAYS[spec.dtype].from(modelNumbers(count, spec, seed));
  const bytes = new Uint8Array(numbers.buffer);
  const all = { ...spec, ...rest };
  const what = describeCase(all, [width, height]);
  const halves = spec.dtype === "float16" ? new Uint16Array(numbers.buffer) : numbers;
  const expected = cpu.imageFromTensor(new Tensor(spec.dtype, halves as Uint16Array, dims), all);
  const tensor = { buffer: gpu.upload(bytes, "test tensor"), dtype: spec.dtype, dims };
  const picture = imageFromTensor(gpu, tensor, all);
  const { pixelFormat, color } = picture;
  assert.deepEqual(
    [pixelFormat, picture.width, picture.height, color],
    [expected.pixelFormat, expected.width, expected.height, expected.color],
    what,
  );
  assertSameBytes(await download(gpu, picture), expected.data, { what, share: 0.05 });
  gpu.pool.release(tensor.buffer);
  gpu.pool.release(picture.buffer);
}

/** Parts of a tensor, and sizes of its picture. */
const PARTS: readonly ((width: number, height: number) => Omit<
  ImageFromTensorOptions,
  "pixelFormat"
>)[] = [
  () => ({}),
  (width, height) => ({ width: width * 2, height: height + 3 }),
  (width, height) => ({ width: Math.ceil(width / 3), height: Math.ceil(height / 2) }),
  (width, height) => ({ crop: { x: 1, y: 1, width: width - 1, height: height - 1 } }),
  (width, height) => ({
    crop: { x: 0.5, y: 0.25, width: width - 0.75, height: height - 1.25 },
    width: width + 3,
    height,
  }),
];

for (const [i, pixelFormat] of FORMATS.entries()) {
  conversionTest(`imageFromTensor() to ${pixelFormat} is what it is on the CPU`, async (gpu) => {
    const choose = chooser(21 + i);
    for (const [seed, spec] of [...shaderSpecs()].entries()) {
      const from = choose(SIZES.slice(0, 5));
      const part = choose(PARTS)(from[0], from[1]);
      const color = choose(COLORS);
      await compareTensorToPicture(gpu, spec, { ...part, pixelFormat, color, from, seed });
    }
  });
}

conversionTest("imageFromTensor() makes bytes of numbers that no pixel has", async (gpu) => {
  const numbers = [NaN, -Infinity, -3, 0.49, 0.5, 1.5, 254.49, 254.5, 256, Infinity, 1e30, 77];
  const buffer = gpu.upload(new Uint8Array(Float32Array.from(numbers).buffer), "test tensor");
  const tensor = { buffer, dtype: "float32", dims: [2, 2, 3] } as const;
  const picture = imageFromTensor(gpu, tensor, { pixelFormat: "rgb24", range: "0-255" });
  assert.deepEqual([...await download(gpu, picture)], [
    ...[0, 0, 0, 0, 1, 2],
    ...[254, 255, 255, 255, 255, 77],
  ]);
  for (const used of [buffer, picture.buffer]) gpu.pool.release(used);
});

conversionTest("convertPicture() is what it is on the CPU, to every format", async (gpu) => {
  const choose = chooser(31);
  for (const from of FORMATS) {
    for (const to of FORMATS) {
      for (const size of [...SIZES.slice(1, 5), [1, 1], [8, 6]] as const) {
        const source = noisePicture(from, size, choose(COLORS));
        const placement = choose([{}, PLACEMENTS[2]!(source), PLACEMENTS[4]!(source)]);
        await comparePictures(gpu, source, { ...placement, pixelFormat: to });
      }
    }
  }
});

async function comparePictures(
  gpu: Gpu,
  source: Picture,
  options: ImageToTensorOptions & { readonly pixelFormat: PixelFormat },
): Promise<void> {
  const { pixelFormat: _, ...placement } = options;
  // By way of RGB: chroma that was averaged before would be repeated after.
  const wide: Picture = source.pixelFormat === "i420"
    ? { ...source, pixelFormat: "rgb24", data: cpu.convertPicture(source, "rgb24") }
    : source;
  const { width = source.width, height = source.height } = options;
  const isCopied = source.pixelFormat === options.pixelFormat && options.crop === undefined &&
    width === source.width && height === source.height;
  const scaled = isCopied ? source : cpu.scalePicture(wide, placement);
  const expected = cpu.convertPicture(scaled, options.pixelFormat);
  const picture = upload(gpu, source);
  const converted = convertPicture(gpu, picture, options);
  const what = describeCase(source, options);
  assert.deepEqual([converted.width, converted.height], [scaled.width, scaled.height], what);
  assert.deepEqual(converted.color, picture.color);
  assertSameBytes(await download(gpu, converted), expected, { what });
  for (const { buffer } of [picture, converted]) gpu.pool.release(buffer);
}

conversionTest("convertPicture() to other meanings of YUV keeps the colours", async (gpu) => {
  const [from, to] = [COLORS[0]!, COLORS[3]!];
  const rgb: Picture = { ...smoothPicture([64, 48]), color: from };
  const source = { ...rgb, pixelFormat: "i420", data: cpu.convertPicture(rgb, "i420") } as const;
  const picture = upload(gpu, source);
  const converted = convertPicture(gpu, picture, { pixelFormat: "i420", color: to });
  assert.deepEqual(converted.color, to);
  const bytes = await download(gpu, converted);
  const back = cpu.convertPicture({ ...source, data: bytes, color: to }, "rgb24");
  assert.ok(psnr(back, cpu.convertPicture(source, "rgb24")) > 45);
  // RGB has no matrix: only what it will be as YUV changes.
  const wide = upload(gpu, rgb);
  const same = convertPicture(gpu, wide, { pixelFormat: "rgb24", color: to });
  assert.deepEqual(same.color, to);
  assert.deepEqual(await download(gpu, same), rgb.data);
  for (const { buffer } of [picture, converted, wide, same]) gpu.pool.release(buffer);
});

conversionTest("large pictures are what they are on the CPU", async (gpu) => {
  const floats = { layout: "nchw", dtype: "float32", channels: 3, channelOrder: "rgb" } as const;
  const picture = noisePicture("i420", [1920, 1080], COLORS[2]!);
  await comparePictureToTensor(gpu, picture, { ...floats, range: "0-1" });
  const spec: FullSpec = { ...floats, range: "-1-1" };
  await compareTensorToPicture(gpu, spec, { pixelFormat: "i420", from: [640, 360], seed: 7 });
});

conversionTest("a picture of more workgroups than one dimension takes is whole", async (gpu) => {
  const [width, height, rows] = [2056, 2048, 16]; // RGBA is a word a pixel: 65,792 groups of 64
  assert.ok(width * height / 64 > 65_535);
  const noise = noisePicture("rgb24", [width, rows]);
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at += noise.data.length) data.set(noise.data, at);
  const picture = upload(gpu, { ...noise, height, data });
  const converted = convertPicture(gpu, picture, { pixelFormat: "rgba" });
  const pixels = await download(gpu, converted);
  const expected = cpu.convertPicture(noise, "rgba");
  for (let at = 0; at < pixels.length; at += expected.length) {
    const strip = pixels.subarray(at, at + expected.length);
    assertSameBytes(strip, expected, { what: `from byte ${at}`, share: 0 });
  }
  for (const { buffer } of [picture, converted]) gpu.pool.release(buffer);
});

for (const [index, color] of COLORS.entries()) {
  const name = `${color.matrix}, ${color.fullRange ? "full" : "limited"} range`;
  conversionTest(`tensors on the GPU agree with ffmpeg, ${name}`, async (gpu) => {
    const source = turn(["mandelbrot", "testsrc2"] as const, index);
    const { rgb, yuv, rgbAgain } = await ffmpegPictures(source, color);
    const through = async (picture: Picture, pixelFormat: PixelFormat): Promise<Uint8Array> => {
      const from = upload(gpu, picture);
      const tensor = imageToTensor(gpu, from);
      const to = imageFromTensor(gpu, tensor, { pixelFormat, color });
      const bytes = await download(gpu, to);
      for (const { buffer } of [from, tensor, to]) gpu.pool.release(buffer);
      return bytes;
    };
    const toRgb = psnr(await through(yuv, "rgb24"), rgbAgain.data);
    assert.ok(toRgb > 40, `from YUV: ${toRgb} dB`);
    const toYuv = psnr(await through(rgb, "i420"), yuv.data);
    assert.ok(toYuv > 40, `to YUV: ${toYuv} dB`);
    assert.deepEqual(await through(rgb, "rgb24"), rgb.data);
  });
}

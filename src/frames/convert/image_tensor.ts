/**
 * Between pictures and the tensors of models, on the CPU: what `src/gpu/convert/convert.ts` does on the GPU,
 * number for number, for models that run there and as the reference of the shaders.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import {
  type PictureToTensorOptions,
  placePicture,
  readTensorDims,
  type ResolvedSpec,
  resolveTensorSpec,
  tensorDims,
  type TensorToPictureOptions,
} from "../../gpu/mod.ts";
import { DEFAULT_COLOR, type Picture, pictureBytes } from "../../media/picture.ts";
import { convertPicture } from "./convert.ts";
import { createNumbers, rowWriter } from "./number_writer.ts";
import {
  type NumberPixels,
  type Numbers,
  pictureRows,
  tensorBytes,
  tensorRows,
} from "./pixel_rows.ts";
import { isUnscaled, sampledRows, type SamplePlacement } from "./sampling.ts";
import { describeTensor } from "./tensor.ts";

/**
 * The tensor of a picture. Scaling is bilinear with half-pixel centres; at the same size nothing is
 * sampled. Throws a `TypeError` or `RangeError` for options that make no tensor.
 */
export function imageToTensor(picture: Picture, options: PictureToTensorOptions = {}): Tensor {
  const spec = resolveTensorSpec(options);
  const placement = placePicture(picture, options);
  const { size } = placement;
  const source = pictureRows(picture, placement.crop);
  const readRow = sampledRows(source, placement, options.background);
  const pixels = size.width * size.height;
  const numbers = createNumbers(spec, pixels * spec.channels);
  const { color = DEFAULT_COLOR } = picture;
  const writeRow = rowWriter({ numbers, spec, pixels, stride: source.stride, color });
  for (let y = 0; y < size.height; y++) writeRow(readRow(y), y * size.width);
  return toTensor(spec, numbers, tensorDims(spec, size));
}

/**
 * The picture in a tensor in CPU memory. Numbers are clamped and rounded, NaN is 0; one channel is grey.
 * Throws a `TypeError` or `RangeError` for a tensor that holds no picture.
 */
export function imageFromTensor(tensor: Tensor, options: TensorToPictureOptions): Picture {
  const { pixelFormat, color = DEFAULT_COLOR, crop, width, height } = options;
  const numbers = numbersOf(tensor);
  const { width: fromWidth, height: fromHeight, ...order } = readTensorDims(tensor.dims, options);
  const dtype = tensor.type as "uint8" | "float32" | "float16";
  const spec = resolveTensorSpec({ ...options, ...order, dtype });
  const from = { width: fromWidth, height: fromHeight };
  const placement = placePicture(from, {
    ...(crop && { crop }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
  });
  const { size } = placement;
  pictureBytes(pixelFormat, size.width, size.height); // refuses a format that is none
  const stride = pixelFormat === "rgba" ? 4 : 3;
  const data = sampleTensor({ numbers, spec, size: from }, placement, stride);
  if (pixelFormat !== "i420") return { pixelFormat, data, ...size, color };
  const rgb: Picture = { pixelFormat: "rgb24", data, ...size, color };
  return { ...rgb, pixelFormat, data: convertPicture(rgb, pixelFormat) };
}

/** The same picture at another size, by the rules of {@linkcode imageToTensor}. */
export function scalePicture(
  picture: Picture,
  options: Pick<PictureToTensorOptions, "crop" | "width" | "height" | "fit" | "background">,
): Picture {
  const { pixelFormat, color = DEFAULT_COLOR } = picture;
  const channels = pixelFormat === "rgba" ? 4 : 3;
  const tensor = imageToTensor(picture, { ...options, layout: "hwc", dtype: "uint8", channels });
  const [height, width] = tensor.dims as [number, number, number];
  const data = tensor.data as Uint8Array;
  const scaled: Picture = {
    pixelFormat: channels === 4 ? "rgba" : "rgb24",
    data,
    width,
    height,
    color,
  };
  if (pixelFormat !== "i420") return scaled;
  return { ...scaled, pixelFormat, data: convertPicture(scaled, pixelFormat) };
}

/** RGB or RGBA of a tensor, as it is placed. */
function sampleTensor(
  pixels: NumberPixels,
  placement: SamplePlacement,
  stride: 3 | 4,
): Uint8Array {
  if (isUnscaled(placement)) return tensorBytes(pixels, placement.crop, stride);
  const { width, height } = placement.size;
  const readRow = sampledRows(tensorRows(pixels, placement.crop, stride), placement);
  const data = new Uint8Array(width * height * stride);
  for (let y = 0, at = 0; y < height; y++) {
    const row = readRow(y);
    // In range already, by the numbers it was mixed of.
    for (let i = 0; i < row.length; i++) data[at++] = row[i]! + 0.5;
  }
  return data;
}

function toTensor({ dtype }: ResolvedSpec, numbers: Numbers, dims: number[]): Tensor {
  // onnxruntime's types know half-precision numbers by their bits only.
  const data = dtype === "float16" ? new Uint16Array(numbers.buffer) : numbers;
  return new Tensor(dtype, data as Uint8Array | Uint16Array | Float32Array, dims);
}

function numbersOf(tensor: Tensor): Numbers {
  const isTensor = typeof tensor === "object" && tensor !== null && Array.isArray(tensor.dims);
  if (isTensor && tensor.location === "cpu") {
    const { data, type } = tensor;
    if (type === "uint8" && data instanceof Uint8Array) return data;
    if (type === "float32" && data instanceof Float32Array) return data;
    if (type === "float16") return halves(data as Uint16Array | Float16Array);
  }
  throw new TypeError(
    `Cannot make a picture of ${isTensor ? describeTensor(tensor) : String(tensor)}: ` +
      "accepted are uint8, float32 and float16 tensors in CPU memory",
  );
}

/** Half-precision numbers, which onnxruntime may keep as their bits. */
function halves(data: Uint16Array | Float16Array): Float16Array {
  if (data instanceof Float16Array) return data;
  return new Float16Array(data.buffer, data.byteOffset, data.length);
}

/**
 * Between pictures and the tensors of models, on the CPU: what `src/gpu/convert/convert.ts` does on the GPU,
 * number for number, for models that run there and as the reference of the shaders.
 *
 * @module
 */

import { Tensor, type TypedTensor } from "onnxruntime-common";
import {
  imageDimsOf,
  type ImageFromTensorOptions,
  type ImageToTensorOptions,
  isInterleaved,
  notAnImage,
  placePicture,
  type ResolvedSpec,
  resolveTensorSpec,
  type Size,
  tensorDims,
  type TensorDtype,
} from "../../gpu/mod.ts";
import { rgbToYuv } from "../../media/color_matrix.ts";
import { DEFAULT_COLOR, type Picture, pictureBytes } from "../../media/picture.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import { convertPicture } from "./convert.ts";
import { createNumbers, rowWriter } from "./number_writer.ts";
import {
  type NumberPixels,
  type Numbers,
  pictureRows,
  readPixels,
  tensorRows,
} from "./pixel_rows.ts";
import { isUnscaled, sampledRows, type SamplePlacement } from "./sampling.ts";

/**
 * The tensor of a picture. Scaling is bilinear with half-pixel centres; at the same size nothing is
 * sampled. Throws a `TypeError` or `RangeError` for options that make no tensor.
 */
export function imageToTensor(picture: Picture, options: ImageToTensorOptions = {}): Tensor {
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
 * The picture as a `uint8` tensor `[height, width, 3]`, RGB. An `rgb24` picture is not copied: tensor
 * and picture share their bytes. Other formats are converted into new bytes.
 */
export function rgbTensor(picture: Picture): TypedTensor<"uint8"> {
  const data = picture.pixelFormat === "rgb24" ? picture.data : convertPicture(picture, "rgb24");
  return new Tensor("uint8", data, [picture.height, picture.width, 3]);
}

/**
 * The picture in a tensor in CPU memory. Numbers are clamped and rounded, NaN is 0; one channel is grey.
 * A `uint8` tensor `[H,W,3]` or `[H,W,4]` that becomes the format of its channels as it is, is not
 * copied. Throws a `TypeError` or `RangeError` for a tensor that holds no picture.
 */
export function imageFromTensor(tensor: Tensor, options: ImageFromTensorOptions = {}): Picture {
  const { color = DEFAULT_COLOR, crop, width, height } = options;
  const numbers = numbersOf(tensor);
  const { layout, channels, ...from } = imageDimsOf(describeTensor(tensor), tensor.dims, options);
  const { pixelFormat = DEFAULT_FORMATS[channels] } = options;
  const dtype = tensor.type as TensorDtype;
  const spec = resolveTensorSpec({ ...options, layout, channels, dtype });
  const placement = placePicture(from, {
    ...(crop && { crop }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
  });
  const { size } = placement;
  pictureBytes(pixelFormat, size.width, size.height); // throws for an unknown format
  const pixels = { numbers, spec, size: from };
  if (pixelFormat !== "i420" && isPicture(pixels, pixelFormat, placement)) {
    return { pixelFormat, data: pixels.numbers as Uint8Array, ...size, color };
  }
  if (channels === 1 && pixelFormat === "i420" && isUnscaled(placement)) {
    const data = greyToI420(readPixels(pixels, placement.crop, 1), size, color);
    return { pixelFormat, data, ...size, color };
  }
  const data = sampleTensor(pixels, placement, pixelFormat === "rgba" ? 4 : 3);
  if (pixelFormat !== "i420") return { pixelFormat, data, ...size, color };
  const rgb: Picture = { pixelFormat: "rgb24", data, ...size, color };
  return { ...rgb, pixelFormat, data: convertPicture(rgb, pixelFormat) };
}

/** @deprecated Use `imageFromTensor(tensor, { color })`. */
export function tensorToPicture(tensor: Tensor, color: ColorInfo = DEFAULT_COLOR): Picture {
  return imageFromTensor(tensor, { color });
}

/** The default format of a picture, by the channels of its tensor. */
const DEFAULT_FORMATS = { 1: "i420", 3: "rgb24", 4: "rgba" } as const;

/** Whether the numbers are the picture's bytes, in their order. */
function isPicture(
  { spec, size }: NumberPixels,
  pixelFormat: PixelFormat,
  placement: SamplePlacement,
): boolean {
  return spec.dtype === "uint8" && isInterleaved(spec.layout) && spec.channelOrder === "rgb" &&
    pixelFormat === DEFAULT_FORMATS[spec.channels] && isUnscaled(placement) &&
    placement.size.width === size.width && placement.size.height === size.height;
}

/** Grey 0–255 as luma in the range of `color`, with neutral chroma. */
function greyToI420(grey: Uint8Array, { width, height }: Size, color: ColorInfo): Uint8Array {
  const data = new Uint8Array(pictureBytes("i420", width, height)).fill(128, grey.length);
  const luma = Uint8Array.from({ length: 256 }, (_, value) => {
    return rgbToYuv([value, value, value], color)[0];
  });
  for (let at = 0; at < grey.length; at++) data[at] = luma[grey[at]!]!;
  return data;
}

/** The same picture at another size, by the rules of {@linkcode imageToTensor}. */
export function scalePicture(
  picture: Picture,
  options: Pick<ImageToTensorOptions, "crop" | "width" | "height" | "fit" | "background">,
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
  if (isUnscaled(placement)) return readPixels(pixels, placement.crop, stride);
  const { width, height } = placement.size;
  const readRow = sampledRows(tensorRows(pixels, placement.crop, stride), placement);
  const data = new Uint8Array(width * height * stride);
  for (let y = 0, at = 0; y < height; y++) {
    const row = readRow(y);
    // In range already, since it was mixed from numbers in range.
    for (let i = 0; i < row.length; i++) data[at++] = row[i]! + 0.5;
  }
  return data;
}

function toTensor({ dtype }: ResolvedSpec, numbers: Numbers, dims: number[]): Tensor {
  // onnxruntime's types know half-precision numbers by their bits only.
  const data = dtype === "float16" ? new Uint16Array(numbers.buffer) : numbers;
  return new Tensor(dtype, data as Uint8Array | Uint16Array | Float32Array, dims);
}

/** A tensor in words, for errors. */
function describeTensor(tensor: Tensor): string {
  return `a ${tensor.type} tensor of shape [${tensor.dims.join(",")}] in ${tensor.location} memory`;
}

function numbersOf(tensor: Tensor): Numbers {
  if (typeof tensor !== "object" || tensor === null || !Array.isArray(tensor.dims)) {
    throw notAnImage(tensor === null ? "null" : `a value of type ${typeof tensor}`);
  }
  if (tensor.location !== "cpu") {
    throw notAnImage(describeTensor(tensor), "; get its data with getData() first");
  }
  const { data, type } = tensor;
  if (type === "uint8" && data instanceof Uint8Array) return data;
  if (type === "float32" && data instanceof Float32Array) return data;
  if (type === "float16") return halves(data as Uint16Array | Float16Array);
  throw notAnImage(describeTensor(tensor));
}

/** Half-precision numbers, which onnxruntime may keep as their bits. */
function halves(data: Uint16Array | Float16Array): Float16Array {
  if (data instanceof Float16Array) return data;
  return new Float16Array(data.buffer, data.byteOffset, data.length);
}

/**
 * Between pictures and the tensors of models, on the CPU: what `src/gpu/convert.ts` does on the GPU,
 * number for number, for models that run there and as the reference of the shaders.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import {
  isInterleaved,
  type PictureToTensorOptions,
  placePicture,
  readTensorDims,
  type ResolvedSpec,
  resolveTensorSpec,
  tensorDims,
  type TensorToPictureOptions,
} from "../gpu/mod.ts";
import { colorCoefficients, FRACTION_BITS } from "../media/color_matrix.ts";
import { DEFAULT_COLOR, type Picture, pictureBytes } from "../media/picture.ts";
import { convertPicture } from "./convert.ts";
import { sampleRow, samplingOf } from "./sampling.ts";
import { describeTensor } from "./tensor.ts";

/**
 * The tensor of a picture. Scaling is bilinear with half-pixel centres; at the same size nothing is
 * sampled. Throws a `TypeError` or `RangeError` for options that make no tensor.
 */
export function imageToTensor(picture: Picture, options: PictureToTensorOptions = {}): Tensor {
  const spec = resolveTensorSpec(options);
  const { size: { width, height }, crop, inner } = placePicture(picture, options);
  const hasAlpha = spec.channels === 4 && picture.pixelFormat === "rgba";
  const pixels = hasAlpha ? picture.data : asRgb(picture);
  const sampling = samplingOf(
    { data: pixels, width: picture.width, channels: hasAlpha ? 4 : 3 },
    { crop, inner, width },
    options.background,
  );
  const numbers = createNumbers(spec, width * height * spec.channels);
  const write = channelWriter(spec, { picture, plane: width * height });
  const row = new Float32Array(width * 4);
  for (let y = 0; y < height; y++) {
    sampleRow(sampling, y, row);
    write(row, numbers, y * width);
  }
  return toTensor(spec, numbers, tensorDims(spec, { width, height }));
}

/**
 * The picture in a tensor in CPU memory. Numbers are clamped and rounded, NaN is 0; one channel is grey.
 * Throws a `TypeError` or `RangeError` for a tensor that holds no picture.
 */
export function imageFromTensor(tensor: Tensor, options: TensorToPictureOptions): Picture {
  const { pixelFormat, color = DEFAULT_COLOR } = options;
  const numbers = numbersOf(tensor);
  const { width, height, layout, channels } = readTensorDims(tensor.dims, options);
  const dtype = tensor.type as "uint8" | "float32" | "float16";
  const spec = resolveTensorSpec({ ...options, layout, channels, dtype });
  const crop = options.crop ?? { x: 0, y: 0, width, height };
  const size = {
    width: options.width ?? Math.max(1, Math.round(crop.width)),
    height: options.height ?? Math.max(1, Math.round(crop.height)),
  };
  pictureBytes(pixelFormat, size.width, size.height);
  const inner = { x: 0, y: 0, ...size };
  const rgba = toInterleaved(numbers, spec, width * height);
  const sampling = samplingOf({ data: rgba, width, channels: 4 }, {
    crop,
    inner,
    width: size.width,
  });
  const data = new Uint8Array(size.width * size.height * 4);
  const row = new Float32Array(size.width * 4);
  for (let y = 0; y < size.height; y++) {
    sampleRow(sampling, y, row);
    roundInto(row, data, y * size.width * 4);
  }
  const picture: Picture = { pixelFormat: "rgba", data, ...size, color };
  return { ...picture, pixelFormat, data: convertPicture(picture, pixelFormat) };
}

/** The same picture at another size, by the rules of {@linkcode imageToTensor}. */
export function scalePicture(
  picture: Picture,
  options: Pick<PictureToTensorOptions, "crop" | "width" | "height" | "fit" | "background">,
): Picture {
  const { pixelFormat, color = DEFAULT_COLOR } = picture;
  const tensor = imageToTensor(picture, {
    ...options,
    layout: "hwc",
    dtype: "uint8",
    channels: pixelFormat === "rgba" ? 4 : 3,
  });
  return imageFromTensor(tensor, { pixelFormat, color, layout: "hwc" });
}

function asRgb(picture: Picture): Uint8Array {
  return picture.pixelFormat === "rgb24" ? picture.data : convertPicture(picture, "rgb24");
}

type Numbers = Uint8Array | Float32Array | Float16Array;

function createNumbers({ dtype }: ResolvedSpec, length: number): Numbers {
  if (dtype === "uint8") return new Uint8Array(length);
  return dtype === "float16" ? new Float16Array(length) : new Float32Array(length);
}

function toTensor({ dtype }: ResolvedSpec, numbers: Numbers, dims: number[]): Tensor {
  // onnxruntime's types know half-precision numbers by their bits only.
  const data = dtype === "float16" ? new Uint16Array(numbers.buffer) : numbers;
  return new Tensor(dtype, data as Uint8Array | Uint16Array | Float32Array, dims);
}

/** Writes a row of RGBA pixels of 0–255 as numbers, from pixel `at` on. */
type ChannelWriter = (row: Float32Array, into: Numbers, at: number) => void;

function channelWriter(
  spec: ResolvedSpec,
  { picture, plane }: { readonly picture: Picture; readonly plane: number },
): ChannelWriter {
  const { channels, channelOrder, scale, bias, dtype } = spec;
  const together = isInterleaved(spec.layout);
  const [pixelStride, channelStride] = together ? [channels, 1] : [1, plane];
  const swap = channelOrder === "bgr";
  const grey = greyWeights(picture);
  const round = dtype === "uint8";
  return (row, into, at) => {
    const count = row.length / 4;
    for (let channel = 0; channel < channels; channel++) {
      const from = swap && channel !== 1 && channel !== 3 ? 2 - channel : channel;
      const [s, b] = [scale[channel]!, bias[channel]!];
      let to = at * pixelStride + channel * channelStride;
      for (let x = 0; x < count; x++, to += pixelStride) {
        const pixel = x * 4;
        const value = channels === 1
          ? grey[0] * row[pixel]! + grey[1] * row[pixel + 1]! + grey[2] * row[pixel + 2]!
          : row[pixel + from]!;
        const number = value * s + b;
        into[to] = round ? toByte(number) : number;
      }
    }
  };
}

function greyWeights({ color = DEFAULT_COLOR }: Picture): [number, number, number] {
  const { rToY, gToY, bToY } = colorCoefficients({ matrix: color.matrix, fullRange: true });
  const one = 2 ** FRACTION_BITS;
  return [rToY / one, gToY / one, bToY / one];
}

/** The numbers of a tensor as RGBA pixels of 0–255, not yet rounded. */
function toInterleaved(numbers: Numbers, spec: ResolvedSpec, count: number): Float32Array {
  const { channels, channelOrder, scale, bias } = spec;
  const together = isInterleaved(spec.layout);
  const [pixelStride, channelStride] = together ? [channels, 1] : [1, count];
  const rgba = new Float32Array(count * 4);
  for (let channel = 0; channel < 4; channel++) {
    const isThere = channel < channels || channels === 1 && channel < 3;
    if (!isThere) {
      for (let to = channel; to < rgba.length; to += 4) rgba[to] = 255;
      continue;
    }
    const place = channels === 1
      ? 0
      : channelOrder === "bgr" && channel !== 1 && channel !== 3
      ? 2 - channel
      : channel;
    const [s, b] = [1 / scale[place]!, -bias[place]! / scale[place]!];
    let from = place * channelStride;
    for (let to = channel; to < rgba.length; to += 4, from += pixelStride) {
      rgba[to] = numbers[from]! * s + b;
    }
  }
  return rgba;
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

/** Rounds half up and clamps; NaN is 0. */
function toByte(value: number): number {
  return value >= 254.5 ? 255 : value > 0 ? value + 0.5 | 0 : 0;
}

function roundInto(row: Float32Array, into: Uint8Array, at: number): void {
  for (let i = 0; i < row.length; i++) into[at + i] = toByte(row[i]!);
}

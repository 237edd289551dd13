/**
 * Conversion on the GPU between pictures and tensors, of any size: one compute pass each.
 *
 * @module
 */

import { DEFAULT_COLOR, isPictureSide, MAX_PICTURE_SIDE } from "../../media/picture.ts";
import { BLACK, type Rect, type Size } from "../../media/rect.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import {
  pictureSource,
  pictureTarget,
  runConversion,
  tensorSource,
  tensorTarget,
} from "./conversion.ts";
import type { ConversionJob } from "./conversion_job.ts";
import { type Fit, fitMapping } from "./fit.ts";
import type { Gpu } from "../device/gpu.ts";
import { describeGpuTensor, type GpuPicture, type GpuTensor } from "./gpu_picture.ts";
import { imageDimsOf } from "./image_dims.ts";
import { resolveTensorSpec, tensorDims, type TensorSpec } from "./tensor_spec.ts";

/** What every conversion takes. */
export interface ConversionOptions {
  /** The pass is recorded there, and not submitted. @default one of its own, submitted at once */
  readonly encoder?: GPUCommandEncoder;
}

/** How a picture is fitted into another size. */
export interface FitOptions {
  /** The part of the source that is used, in pixels, which may be fractions. @default all of it */
  readonly crop?: Rect;
  /** In pixels. @default the part's */
  readonly width?: number;
  /** In pixels. @default the part's */
  readonly height?: number;
  /** @default "stretch" */
  readonly fit?: Fit;
  /** Red, green and blue of a letterbox's bars, 0–255. @default [0, 0, 0] */
  readonly background?: readonly [number, number, number];
}

/** The tensor that a picture becomes. */
export interface ImageToTensorOptions extends TensorSpec, FitOptions {}

/** Options of {@linkcode imageToTensor}. */
export interface GpuImageToTensorOptions extends ImageToTensorOptions, ConversionOptions {
  /** Where the numbers go. @default a buffer of the pool */
  readonly into?: GPUBuffer;
}

/** The picture that a tensor becomes. The type is the tensor's; what is absent follows from its shape. */
export interface ImageFromTensorOptions extends Omit<TensorSpec, "dtype"> {
  /**
   * @default "i420" for one channel, "rgba" for four; of three "rgb24" in CPU memory and "rgba" on the
   * GPU
   */
  readonly pixelFormat?: PixelFormat;
  /** How YUV is meant. @default DEFAULT_COLOR */
  readonly color?: ColorInfo;
  /** The part of the tensor that is the picture, in pixels. @default all of it */
  readonly crop?: Rect;
  /** Width of the picture in pixels: scaled if it is not the part's. @default the part's */
  readonly width?: number;
  /** Height of the picture in pixels. @default the part's */
  readonly height?: number;
}

/** The picture that a picture becomes. */
export interface ConvertPictureOptions extends FitOptions {
  readonly pixelFormat: PixelFormat;
  /** How YUV is meant. @default the source's */
  readonly color?: ColorInfo;
}

/**
 * The tensor of a picture. Scaling is bilinear with half-pixel centres; at the same size nothing is
 * sampled. Throws a `TypeError` or `RangeError` for options that make no tensor, and a `GpuError`
 * (`GPU_LOST`, `GPU_LIMIT`, `GPU_MEMORY`).
 */
export function imageToTensor(
  gpu: Gpu,
  picture: GpuPicture,
  options: GpuImageToTensorOptions = {},
): GpuTensor {
  const spec = resolveTensorSpec(options);
  const { size, crop, inner } = placePicture(picture, options);
  const buffer = convert(gpu, {
    source: pictureSource(picture),
    target: tensorTarget(spec, size, picture.color),
    crop,
    inner,
    background: options.background ?? BLACK,
  }, { ...options, label: "tensor" });
  return { buffer, dtype: spec.dtype, dims: tensorDims(spec, size) };
}

/**
 * The picture in a tensor. Numbers are clamped and rounded, NaN is 0; one channel is grey. Throws a
 * `TypeError` or `RangeError` for a tensor that holds no picture, and a `GpuError`.
 */
export function imageFromTensor(
  gpu: Gpu,
  tensor: GpuTensor,
  options: ImageFromTensorOptions & ConversionOptions = {},
): GpuPicture {
  const { color = DEFAULT_COLOR } = options;
  const what = describeGpuTensor(tensor);
  const { width, height, layout, channels } = imageDimsOf(what, tensor.dims, options);
  const { pixelFormat = channels === 1 ? "i420" : "rgba" } = options;
  const spec = resolveTensorSpec({ ...options, layout, channels, dtype: tensor.dtype });
  const crop = checkCrop(options.crop ?? { x: 0, y: 0, width, height }, { width, height });
  const size = targetSize(roundSize(crop), options);
  const buffer = convert(gpu, {
    source: tensorSource(tensor, spec, { width, height }),
    target: pictureTarget(pixelFormat, size, color),
    crop,
    inner: { x: 0, y: 0, ...size },
    background: BLACK,
  }, { ...options, label: "picture" });
  return { buffer, pixelFormat, ...size, color };
}

/**
 * A picture in another format, of another size, or both; a copy where neither changes. Throws a
 * `TypeError` or `RangeError` for a size that no picture has, and a `GpuError`.
 */
export function convertPicture(
  gpu: Gpu,
  picture: GpuPicture,
  options: ConvertPictureOptions & ConversionOptions,
): GpuPicture {
  const { pixelFormat, color = picture.color } = options;
  const { size, crop, inner } = placePicture(picture, options);
  if (options.crop === undefined && isSame(picture, { pixelFormat, color, ...size })) {
    return { ...picture, color, buffer: copyPicture(gpu, picture, options) };
  }
  const buffer = convert(gpu, {
    source: pictureSource(picture),
    target: pictureTarget(pixelFormat, size, color),
    crop,
    inner,
    background: options.background ?? BLACK,
  }, { ...options, label: "picture" });
  return { buffer, pixelFormat, ...size, color };
}

/** Where a picture goes. */
export interface PicturePlacement {
  /** Of the result. */
  readonly size: Size;
  /** The part of the picture that is shown. */
  readonly crop: Rect;
  /** The part of the result that it fills: whole pixels. */
  readonly inner: Rect;
}

/**
 * Places a picture as the options say. Throws a `TypeError` or `RangeError` for invalid options.
 */
export function placePicture(source: Size, options: FitOptions): PicturePlacement {
  const { width, height } = source;
  const part = checkCrop(options.crop ?? { x: 0, y: 0, width, height }, source);
  const size = targetSize(roundSize(part), options);
  const { crop, inner } = fitMapping(part, size, options.fit ?? "stretch");
  if (options.background !== undefined) checkBackground(options.background);
  return { size, crop: { ...crop, x: part.x + crop.x, y: part.y + crop.y }, inner };
}

function convert(
  gpu: Gpu,
  job: ConversionJob,
  options: ConversionOptions & { readonly into?: GPUBuffer; readonly label: string },
): GPUBuffer {
  gpu.assertUsable();
  const bytes = job.target.words * 4;
  if (options.into !== undefined && options.into.size < bytes) {
    throw new RangeError(
      `Cannot convert into a buffer of ${options.into.size} bytes: the result takes ${bytes}`,
    );
  }
  const buffer = options.into ?? gpu.pool.allocate(bytes, options.label);
  try {
    withEncoder(gpu, options.encoder, (encoder) => runConversion(gpu, encoder, { ...job, buffer }));
  } catch (error) {
    if (options.into === undefined) gpu.pool.release(buffer);
    throw error;
  }
  return buffer;
}

function copyPicture(gpu: Gpu, picture: GpuPicture, options: ConversionOptions): GPUBuffer {
  gpu.assertUsable();
  const { words } = pictureTarget(picture.pixelFormat, picture, picture.color);
  pictureSource(picture); // checks its buffer
  const bytes = words * 4;
  const buffer = gpu.pool.allocate(bytes, "picture");
  withEncoder(
    gpu,
    options.encoder,
    (encoder) => encoder.copyBufferToBuffer(picture.buffer, 0, buffer, 0, bytes),
  );
  return buffer;
}

/**
 * An encoder that was begun is always submitted: drivers have crashed when it was only finished.
 */
function withEncoder(
  gpu: Gpu,
  given: GPUCommandEncoder | undefined,
  record: (encoder: GPUCommandEncoder) => void,
): void {
  if (given !== undefined) return record(given);
  const encoder = gpu.device.createCommandEncoder({ label: "conversion" });
  try {
    record(encoder);
  } finally {
    gpu.device.queue.submit([encoder.finish()]);
  }
}

function roundSize({ width, height }: Size): Size {
  return { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) };
}

function targetSize(source: Size, options: Partial<Size>): Size {
  const { width = source.width, height = source.height } = options;
  for (const side of [width, height]) {
    if (isPictureSide(side)) continue;
    throw new RangeError(
      `Cannot convert to ${width}x${height}: use whole numbers from 1 to ${MAX_PICTURE_SIDE}`,
    );
  }
  return { width, height };
}

function checkCrop(crop: Rect, { width, height }: Size): Rect {
  const { x, y } = crop;
  const isInside = x >= 0 && y >= 0 && crop.width > 0 && crop.height > 0 &&
    x + crop.width <= width + 1e-6 && y + crop.height <= height + 1e-6;
  if (isInside) return crop;
  throw new RangeError(
    `Cannot take ${crop.width}x${crop.height} at ${x},${y} out of ${width}x${height}: ` +
      "give a part that lies inside",
  );
}

function checkBackground(color: readonly number[]): void {
  const isColor = color.length === 3 && color.every((value) => value >= 0 && value <= 255);
  if (isColor) return;
  throw new TypeError(`Cannot fill with the colour ${color}: use three numbers from 0 to 255`);
}

function isSame(picture: GpuPicture, target: Omit<GpuPicture, "buffer">): boolean {
  const { color } = target;
  const sameColor = target.pixelFormat !== "i420" ||
    (color.matrix === picture.color.matrix && color.fullRange === picture.color.fullRange);
  return picture.pixelFormat === target.pixelFormat && picture.width === target.width &&
    picture.height === target.height && sameColor;
}

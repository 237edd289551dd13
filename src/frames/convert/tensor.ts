/**
 * Between pictures and onnxruntime tensors (specs/GPU.md, "Tensors").
 *
 * A tensor that holds a picture is `uint8` (0–255), `float32` or `float16` (0–1), of shape `[H,W,C]`,
 * `[1,H,W,C]`, `[C,H,W]` or `[1,C,H,W]` with C = 1 (grey), 3 (RGB) or 4 (RGBA). Where both orders
 * would fit, such as `[3,480,3]`, the last dimension is the channels.
 *
 * @module
 */

import { Tensor, type TypedTensor } from "onnxruntime-common";
import { rgbToYuv } from "../../media/color_matrix.ts";
import { convertPicture } from "./convert.ts";
import {
  DEFAULT_COLOR,
  MAX_PICTURE_SIDE,
  type Picture,
  pictureBytes,
} from "../../media/picture.ts";
import type { ColorInfo } from "../../media/types.ts";

const ACCEPTED = "accepted are uint8 (0-255), float32 and float16 (0-1) tensors of shape " +
  "[H,W,C], [1,H,W,C], [C,H,W] or [1,C,H,W] with C = 1, 3 or 4, in CPU memory";

/** How the numbers of a tensor make a picture. */
export interface ImageShape {
  /** `hwc`: the channels of a pixel lie together. `chw`: one plane per channel. */
  readonly layout: "hwc" | "chw";
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Grey, RGB or RGBA. */
  readonly channels: 1 | 3 | 4;
}

/** Reads dimensions as a picture; `undefined` where they are none. Channel-last wins a tie. */
export function parseImageShape(dims: readonly number[]): ImageShape | undefined {
  const [a, b, c] = dims.length === 4 && dims[0] === 1 ? dims.slice(1) : dims;
  if (dims.length < 3 || dims.length > 4 || (dims.length === 4 && dims[0] !== 1)) return undefined;
  if (a === undefined || b === undefined || c === undefined) return undefined;
  if (isChannels(c) && isSide(a) && isSide(b)) {
    return { layout: "hwc", height: a, width: b, channels: c };
  }
  if (isChannels(a) && isSide(b) && isSide(c)) {
    return { layout: "chw", height: b, width: c, channels: a };
  }
  return undefined;
}

/**
 * The picture as a `uint8` tensor `[height, width, 3]`, RGB. An `rgb24` picture is not copied: tensor
 * and picture share their bytes. Other formats are converted into new bytes.
 */
export function pictureToTensor(picture: Picture): TypedTensor<"uint8"> {
  const data = picture.pixelFormat === "rgb24" ? picture.data : convertPicture(picture, "rgb24");
  return new Tensor("uint8", data, [picture.height, picture.width, 3]);
}

/**
 * The picture in a tensor: `rgb24` for three channels, `rgba` for four, and `i420` for one, as grey in
 * `color`. Values beyond the range are clamped, fractions rounded, and NaN is 0. A `uint8` tensor
 * `[H,W,3]` or `[H,W,4]` is not copied.
 *
 * Throws a `TypeError` that names what it got and what is accepted.
 */
export function tensorToPicture(tensor: Tensor, color: ColorInfo = DEFAULT_COLOR): Picture {
  const shape = checkTensor(tensor);
  const { width, height, channels } = shape;
  const bytes = tensorBytes(tensor, shape);
  if (channels === 1) {
    return { pixelFormat: "i420", data: greyToI420(bytes, shape, color), width, height, color };
  }
  const data = shape.layout === "hwc" ? bytes : interleave(bytes, shape);
  return { pixelFormat: channels === 3 ? "rgb24" : "rgba", data, width, height, color };
}

function checkTensor(tensor: Tensor): ImageShape {
  if (!(typeof tensor === "object" && tensor !== null && Array.isArray(tensor.dims))) {
    throw new TypeError(`Cannot make a picture of ${describe(tensor)}: ${ACCEPTED}`);
  }
  const got = describeTensor(tensor);
  if (tensor.location !== "cpu") {
    throw new TypeError(
      `Cannot make a picture of ${got}: ${ACCEPTED}; get its data with getData() first`,
    );
  }
  const shape = parseImageShape(tensor.dims);
  const typed = tensor.type === "uint8" || tensor.type === "float32" || tensor.type === "float16";
  if (shape === undefined || !typed) {
    throw new TypeError(`Cannot make a picture of ${got}: ${ACCEPTED}`);
  }
  return shape;
}

/** A tensor in words, for errors. */
export function describeTensor(tensor: Tensor): string {
  return `a ${tensor.type} tensor of shape [${tensor.dims.join(",")}] in ${tensor.location} memory`;
}

/** The numbers of the tensor as bytes, in the tensor's own order. */
function tensorBytes(tensor: Tensor, shape: ImageShape): Uint8Array {
  const count = shape.width * shape.height * shape.channels;
  const { data } = tensor;
  if (!ArrayBuffer.isView(data) || tensor.size !== count) {
    throw new TypeError(`Cannot make a picture of a tensor without its numbers: ${ACCEPTED}`);
  }
  if (tensor.type === "uint8") return new Uint8Array(data.buffer, data.byteOffset, count);
  if (tensor.type === "float32") {
    return floatsToBytes(new Float32Array(data.buffer, data.byteOffset, count));
  }
  return halvesToBytes(new Uint16Array(data.buffer, data.byteOffset, count));
}

function floatsToBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const scaled = values[at]! * 255 + 0.5;
    // The comparisons are ordered so that NaN ends as 0.
    bytes[at] = scaled >= 255 ? 255 : scaled > 0 ? scaled | 0 : 0;
  }
  return bytes;
}

/** The byte for each of the 65,536 half-precision numbers: a table is faster than converting. */
let halfToByte: Uint8Array | undefined;

function halvesToBytes(halves: Uint16Array): Uint8Array {
  halfToByte ??= floatsToBytes(
    Float32Array.from(new Float16Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer)),
  );
  const bytes = new Uint8Array(halves.length);
  for (let at = 0; at < halves.length; at++) bytes[at] = halfToByte[halves[at]!]!;
  return bytes;
}

/** From one plane per channel to pixels, all channels in one pass. */
function interleave(planes: Uint8Array, shape: ImageShape): Uint8Array {
  const { channels } = shape;
  const pixels = new Uint8Array(planes.length);
  const green = shape.width * shape.height;
  const blue = 2 * green;
  const alpha = 3 * green;
  for (let from = 0, at = 0; from < green; from++, at += channels) {
    pixels[at] = planes[from]!;
    pixels[at + 1] = planes[green + from]!;
    pixels[at + 2] = planes[blue + from]!;
    if (channels === 4) pixels[at + 3] = planes[alpha + from]!;
  }
  return pixels;
}

/** Grey 0–255 as luma in the range of `color`, with neutral chroma. */
function greyToI420(grey: Uint8Array, shape: ImageShape, color: ColorInfo): Uint8Array {
  const data = new Uint8Array(pictureBytes("i420", shape.width, shape.height));
  if (color.fullRange) {
    data.set(grey);
  } else {
    const luma = Uint8Array.from(
      { length: 256 },
      (_, value) => rgbToYuv([value, value, value], color)[0],
    );
    for (let at = 0; at < grey.length; at++) data[at] = luma[grey[at]!]!;
  }
  data.fill(128, grey.length);
  return data;
}

function isChannels(size: number): size is 1 | 3 | 4 {
  return size === 1 || size === 3 || size === 4;
}

function isSide(size: number): boolean {
  return Number.isInteger(size) && size >= 1 && size <= MAX_PICTURE_SIDE;
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

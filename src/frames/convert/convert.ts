/**
 * Conversion between the pixel formats on the CPU. Chroma is repeated on the way to RGB and averaged
 * over the pixels it stands for on the way back, as ffmpeg's scaler does without a change of size.
 *
 * @module
 */

import { colorCoefficients, FRACTION_BITS } from "../../media/color_matrix.ts";
import {
  checkPicture,
  DEFAULT_COLOR,
  type Picture,
  pictureBytes,
  yuvPlanes,
} from "../../media/picture.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import { YuvRows } from "./yuv_rows.ts";

const HALF = 1 << (FRACTION_BITS - 1);

/** Options of {@linkcode convertPicture}. */
export interface ConvertOptions {
  /**
   * Where the pixels go; exactly as long as the result.
   * @default a new buffer
   */
  readonly into?: Uint8Array;
}

/**
 * The pixels of a picture in another format, by the picture's own matrix and range. Alpha becomes 255
 * and is ignored on the way back. The same format gives a copy. Throws a `RangeError` when `into` or
 * the picture's data has the wrong length.
 */
export function convertPicture(
  picture: Picture,
  target: PixelFormat,
  options: ConvertOptions = {},
): Uint8Array {
  checkPicture(picture);
  const { width, height, pixelFormat } = picture;
  const into = options.into ?? new Uint8Array(pictureBytes(target, width, height));
  checkPicture({ pixelFormat: target, data: into, width, height });
  if (pixelFormat === target) into.set(picture.data);
  else if (pixelFormat === "i420") yuvToRgb(picture, into, target === "rgba" ? 4 : 3);
  else if (target === "i420") rgbToI420(picture, into, pixelFormat === "rgba" ? 4 : 3);
  else if (target === "rgba") addAlpha(picture.data, into);
  else dropAlpha(picture.data, into);
  return into;
}

function yuvToRgb(picture: Picture, into: Uint8Array, pixelBytes: 3 | 4): void {
  const { width, height } = picture;
  const out = clamped(into);
  // All of alpha at once; the rows then write only what differs.
  if (pixelBytes === 4) out.fill(255);
  const rows = new YuvRows(picture);
  const target = { out, pixelBytes, first: 0, end: width };
  for (let row = 0; row < height; row++) rows.read(row, row * width * pixelBytes, target);
}

function rgbToI420(picture: Picture, into: Uint8Array, pixelBytes: 3 | 4): void {
  const { width, height } = picture;
  const color = picture.color ?? DEFAULT_COLOR;
  const planes = yuvPlanes({ pixelFormat: "i420", data: into, width, height });
  rgbToLuma(picture.data, planes.y.data, { pixelBytes, color });
  const rows: ChromaRows = {
    rgb: picture.data,
    u: clamped(planes.u.data),
    v: clamped(planes.v.data),
    width,
    height,
    pixelBytes,
  };
  for (let row = 0; row < planes.u.height; row++) rgbRowsToChroma(rows, row, color);
}

/** Luma never leaves 0–255, by its weights. */
function rgbToLuma(
  rgb: Uint8Array,
  luma: Uint8Array,
  options: { readonly pixelBytes: 3 | 4; readonly color: ColorInfo },
): void {
  const { rToY, gToY, bToY, yOffset } = colorCoefficients(options.color);
  const { pixelBytes } = options;
  const bias = (yOffset << FRACTION_BITS) + HALF;
  for (let at = 0, from = 0; at < luma.length; at++, from += pixelBytes) {
    luma[at] = rToY * rgb[from]! + gToY * rgb[from + 1]! + bToY * rgb[from + 2]! + bias >>
      FRACTION_BITS;
  }
}

interface ChromaRows {
  readonly rgb: Uint8Array;
  readonly u: Uint8ClampedArray;
  readonly v: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly pixelBytes: 3 | 4;
}

/**
 * One row of chroma from two rows of pixels. At an odd right or bottom edge the last column or row
 * counts twice, which is the average over the pixels that exist.
 */
function rgbRowsToChroma(rows: ChromaRows, row: number, color: ColorInfo): void {
  const { rgb, u, v, width, height, pixelBytes } = rows;
  const { rToU, gToU, bToU, rToV, gToV, bToV } = colorCoefficients(color);
  const chromaWidth = (width + 1) >> 1;
  const strideBytes = width * pixelBytes;
  const below = row * 2 + 1 < height ? strideBytes : 0;
  // A sum of four: two bits more than one pixel.
  const shift = FRACTION_BITS + 2;
  const bias = (128 << shift) + (1 << (shift - 1));
  let from = row * 2 * strideBytes;
  let at = row * chromaWidth;
  for (let column = 0; column < chromaWidth; column++) {
    const next = column * 2 + 1 < width ? pixelBytes : 0;
    const right = from + next;
    const down = from + below;
    const across = down + next;
    const r = rgb[from]! + rgb[right]! + rgb[down]! + rgb[across]!;
    const g = rgb[from + 1]! + rgb[right + 1]! + rgb[down + 1]! + rgb[across + 1]!;
    const b = rgb[from + 2]! + rgb[right + 2]! + rgb[down + 2]! + rgb[across + 2]!;
    u[at] = rToU * r + gToU * g + bToU * b + bias >> shift;
    v[at++] = rToV * r + gToV * g + bToV * b + bias >> shift;
    from += next + pixelBytes;
  }
}

function addAlpha(rgb: Uint8Array, rgba: Uint8Array): void {
  for (let from = 0, at = 0; from < rgb.length; from += 3, at += 4) {
    rgba[at] = rgb[from]!;
    rgba[at + 1] = rgb[from + 1]!;
    rgba[at + 2] = rgb[from + 2]!;
    rgba[at + 3] = 255;
  }
}

function dropAlpha(rgba: Uint8Array, rgb: Uint8Array): void {
  for (let from = 0, at = 0; at < rgb.length; from += 4, at += 3) {
    rgb[at] = rgba[from]!;
    rgb[at + 1] = rgba[from + 1]!;
    rgb[at + 2] = rgba[from + 2]!;
  }
}

function clamped(bytes: Uint8Array): Uint8ClampedArray {
  return new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

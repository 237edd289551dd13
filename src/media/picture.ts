/**
 * Pictures as plain bytes: the three pixel formats and how many bytes each takes. Everything is
 * tightly packed, rows from top to bottom.
 *
 * @module
 */

import type { ColorInfo, PixelFormat } from "./types.ts";

export type { ColorInfo, PixelFormat };

/** The largest width or height of a picture in pixels: that of x264. */
export const MAX_PICTURE_SIDE = 16_384;

/** Whether a value can be the width or height of a picture. */
export function isPictureSide(side: unknown): side is number {
  return Number.isInteger(side) && Number(side) >= 1 && Number(side) <= MAX_PICTURE_SIDE;
}

/** The assumed meaning of YUV for pictures that do not say it, as in ffmpeg: BT.601, limited range. */
export const DEFAULT_COLOR: ColorInfo = Object.freeze({ matrix: "bt601", fullRange: false });

/** A picture as plain bytes. A `VideoFrame` is also a picture. */
export interface Picture {
  /** Layout of `data`. */
  readonly pixelFormat: PixelFormat;
  /** Tightly packed pixels; {@linkcode pictureBytes} of them. */
  readonly data: Uint8Array;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** How YUV is meant. @default DEFAULT_COLOR */
  readonly color?: ColorInfo;
}

/** One plane of a picture: a view, so writes to it are writes to the picture. */
export interface Plane {
  /** One byte a sample. */
  readonly data: Uint8Array;
  /** Samples in a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly strideBytes: number;
}

/** The three planes of an `i420` picture; chroma has half the size, rounded up. */
export interface YuvPlanes {
  /** Brightness. */
  readonly y: Plane;
  /** Blue difference. */
  readonly u: Plane;
  /** Red difference. */
  readonly v: Plane;
}

/** The number of bytes of a picture. Throws a `RangeError` for a size that no picture has. */
export function pictureBytes(pixelFormat: PixelFormat, width: number, height: number): number {
  if (!isPictureSide(width) || !isPictureSide(height)) {
    throw new RangeError(
      `Cannot size a picture of ${width}x${height}: use whole numbers from 1 to ${MAX_PICTURE_SIDE}`,
    );
  }
  switch (pixelFormat) {
    case "i420":
      return width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1);
    case "rgb24":
      return width * height * 3;
    case "rgba":
      return width * height * 4;
    default: {
      const other: never = pixelFormat;
      throw new TypeError(
        `Cannot size a picture of format ${String(other)}: use "i420", "rgb24" or "rgba"`,
      );
    }
  }
}

/** Throws a `TypeError` or `RangeError` when `data` is not exactly a picture of this format and size. */
export function checkPicture(picture: Picture): void {
  const { pixelFormat, data, width, height } = picture;
  const bytes = pictureBytes(pixelFormat, width, height);
  if (!(data instanceof Uint8Array)) {
    throw new TypeError("Cannot make a picture: its data is not a Uint8Array; give it one");
  }
  if (data.length !== bytes) {
    throw new RangeError(
      `Cannot make a ${width}x${height} ${pixelFormat} picture from ${data.length} bytes: ` +
        `it takes ${bytes}, tightly packed`,
    );
  }
}

/** The planes of an `i420` picture, as views of its data. Throws a `TypeError` for other formats. */
export function yuvPlanes(picture: Picture): YuvPlanes {
  const { pixelFormat, data, width, height } = picture;
  if (pixelFormat !== "i420") {
    throw new TypeError(`Cannot split a ${pixelFormat} picture into planes: only i420 has them`);
  }
  const chromaWidth = (width + 1) >> 1;
  const chromaHeight = (height + 1) >> 1;
  const uStart = width * height;
  const vStart = uStart + chromaWidth * chromaHeight;
  return {
    y: { data: data.subarray(0, uStart), width, height, strideBytes: width },
    u: chromaPlane(data.subarray(uStart, vStart), chromaWidth, chromaHeight),
    v: chromaPlane(data.subarray(vStart), chromaWidth, chromaHeight),
  };
}

function chromaPlane(data: Uint8Array, width: number, height: number): Plane {
  return { data, width, height, strideBytes: width };
}

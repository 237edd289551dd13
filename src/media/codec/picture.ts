/**
 * Sizes of raw pictures.
 *
 * @module
 */

import { MediaError } from "../../base/errors.ts";
import type { Rational } from "../../base/rational.ts";
import type { PixelFormat } from "../types.ts";

/** The size of a picture. */
export interface PictureSize {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** The shape of a raw picture. */
export interface PictureShape extends PictureSize {
  readonly pixelFormat: PixelFormat;
  /** Width of a pixel in its heights, in lowest terms. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
}

/** The bytes of a tightly packed picture; chroma planes of odd sizes are rounded up. */
export function pictureBytes({ width, height, pixelFormat }: PictureShape): number {
  if (pixelFormat === "rgb24") return width * height * 3;
  if (pixelFormat === "rgba") return width * height * 4;
  return width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
}

// H.264 level 6.2 ends at 139,264 macroblocks, 16,384 pixels at most on a side in x264.
const MAX_SIDE = 16_384;

/** Throws a `MediaError` (`MEDIA_BAD_FRAME`) for a picture that cannot be encoded. */
export function checkPicture(shape: PictureShape & { readonly data: Uint8Array }): void {
  const { width, height, pixelFormat, data } = shape;
  const whole = Number.isInteger(width) && Number.isInteger(height);
  if (!whole || width < 2 || height < 2 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot encode a picture of ${width}x${height}: H.264 needs 2 to ${MAX_SIDE} pixels ` +
        `a side; scale it first`,
      { context: { width, height } },
    );
  }
  const expected = pictureBytes(shape);
  if (data.length === expected) return;
  throw new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot encode a picture of ${data.length} bytes: ${width}x${height} ${pixelFormat} has ` +
      `${expected}; pass tightly packed pixels`,
    { context: { width, height, pixelFormat, bytes: data.length } },
  );
}

/** Whether pixels of two pictures are of the same shape. */
export function sameAspect(a: Rational | undefined, b: Rational | undefined): boolean {
  return a?.num === b?.num && a?.den === b?.den;
}

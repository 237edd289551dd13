/**
 * Raw pictures that an encoder takes.
 *
 * @module
 */

import { MediaError } from "../../../base/errors.ts";
import type { Rational } from "../../../base/rational.ts";
import { isPictureSide, MAX_PICTURE_SIDE, pictureBytes } from "../../picture.ts";
import type { Size } from "../../rect.ts";
import type { PixelFormat } from "../../types.ts";

/** The shape of a raw picture. */
export interface PictureShape extends Size {
  readonly pixelFormat: PixelFormat;
  /** Width of a pixel in its heights, in lowest terms. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
}

/** Throws a `MediaError` (`MEDIA_BAD_FRAME`) for a picture that cannot be encoded. */
export function checkEncodable(shape: PictureShape & { readonly data: Uint8Array }): void {
  const { width, height, pixelFormat, data } = shape;
  if (![width, height].every((side) => isPictureSide(side) && side >= 2)) {
    throw new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot encode a picture of ${width}x${height}: H.264 needs 2 to ${MAX_PICTURE_SIDE} pixels ` +
        `a side; scale it first`,
      { context: { width, height } },
    );
  }
  const expected = pictureBytes(pixelFormat, width, height);
  if (data.length === expected) return;
  throw new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot encode a picture of ${data.length} bytes: ${width}x${height} ${pixelFormat} has ` +
      `${expected}; pass tightly packed pixels`,
    { context: { width, height, pixelFormat, bytes: data.length } },
  );
}

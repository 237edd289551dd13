/**
 * Drawing into pictures in CPU memory: rectangles and text, in place, on every pixel format. What
 * lies outside of the picture is cut off.
 *
 * @module
 */

import { rgbToYuv } from "../../media/color_matrix.ts";
import { DEFAULT_COLOR, type Picture, type Plane, yuvPlanes } from "../../media/picture.ts";
import { clipRect, type FilledRect, type Rect, type Rgb } from "../../media/rect.ts";
import { blendRect } from "./blend.ts";
import { type DrawTextOptions, textRects } from "./text_rects.ts";

/**
 * Fills a rectangle. In `i420` the colour of the 2x2 blocks that it touches changes as a whole,
 * their brightness does not.
 */
export function fillRect(picture: Picture, rect: Rect, color: Rgb): void {
  const inside = clipRect(rect, picture);
  if (inside.width === 0 || inside.height === 0) return;
  if (picture.pixelFormat !== "i420") {
    const pixel = picture.pixelFormat === "rgba" ? [...color, 255] : color;
    fillPixels(picture, inside, pixel);
    return;
  }
  const [y, u, v] = rgbToYuv([...color], picture.color ?? DEFAULT_COLOR);
  const planes = yuvPlanes(picture);
  fillPlane(planes.y, inside, y);
  const chroma = halve(inside);
  fillPlane(planes.u, chroma, u);
  fillPlane(planes.v, chroma, v);
}

/**
 * Fills rectangles in their order, each over what is there. Opaque ones go as with
 * {@linkcode fillRect}; of translucent ones in `i420` a 2x2 block takes as much colour as it has pixels under
 * them.
 */
export function fillRects(picture: Picture, rects: Iterable<FilledRect>): void {
  for (const rect of rects) {
    const [red, green, blue, alpha] = rect.color;
    if (alpha === 255) fillRect(picture, rect, [red, green, blue]);
    else if (alpha > 0) blendRect(picture, rect);
  }
}

/**
 * Draws text in the built-in font; `\n` starts a new line. Throws a `RangeError` for a scale that
 * is not a whole number from 1.
 */
export function drawText(picture: Picture, text: string, options: DrawTextOptions): void {
  fillRects(picture, textRects(text, options));
}

function fillPlane(plane: Plane, rect: Rect, value: number): void {
  for (let row = rect.y; row < rect.y + rect.height; row++) {
    const start = row * plane.strideBytes + rect.x;
    plane.data.fill(value, start, start + rect.width);
  }
}

/** Writes the first row pixel by pixel and copies it to the others. */
function fillPixels(picture: Picture, rect: Rect, pixel: readonly number[]): void {
  const { data, width } = picture;
  const strideBytes = width * pixel.length;
  const start = rect.y * strideBytes + rect.x * pixel.length;
  const end = start + rect.width * pixel.length;
  for (let at = start; at < end; at++) data[at] = pixel[(at - start) % pixel.length]!;
  for (let row = 1; row < rect.height; row++) {
    data.copyWithin(start + row * strideBytes, start, end);
  }
}

/** The chroma samples that a rectangle of pixels touches. */
function halve(rect: Rect): Rect {
  const x = rect.x >> 1;
  const y = rect.y >> 1;
  return {
    x,
    y,
    width: ((rect.x + rect.width + 1) >> 1) - x,
    height: ((rect.y + rect.height + 1) >> 1) - y,
  };
}

/**
 * Translucent rectangles on pictures in CPU memory: source-over, in integers and rounded once a
 * rectangle, exactly as `DRAW_RECTS_WGSL` does.
 *
 * @module
 */

import { rgbToYuv } from "../../media/color_matrix.ts";
import { DEFAULT_COLOR, type Picture, type Plane, yuvPlanes } from "../../media/picture.ts";
import { clipRect, type FilledRect, type Rect } from "../../media/rect.ts";

/** Lays a rectangle over what is there, by its alpha. What lies outside is cut off. */
export function blendRect(picture: Picture, filled: FilledRect): void {
  const rect = clipRect(filled, picture);
  if (rect.width === 0 || rect.height === 0) return;
  switch (picture.pixelFormat) {
    case "i420":
      return blendI420(picture, rect, filled);
    case "rgb24":
      return blendRgb(picture, rect, filled);
    case "rgba":
      return blendRgba(picture, rect, filled);
  }
}

/** Whole `value / 255`, for values of 16 bits: a division would take most of the time. */
function by255(value: number): number {
  return value * 0x8081 >>> 23;
}

function blendRgb({ data, width }: Picture, rect: Rect, { color }: FilledRect): void {
  const [red, green, blue, alpha] = color;
  const rest = 255 - alpha;
  const [redPart, greenPart, bluePart] = [red, green, blue].map((c) => c * alpha + 127);
  for (let row = rect.y; row < rect.y + rect.height; row++) {
    let at = (row * width + rect.x) * 3;
    for (const end = at + rect.width * 3; at < end; at += 3) {
      data[at] = by255(redPart! + data[at]! * rest);
      data[at + 1] = by255(greenPart! + data[at + 1]! * rest);
      data[at + 2] = by255(bluePart! + data[at + 2]! * rest);
    }
  }
}

function blendRgba({ data, width }: Picture, rect: Rect, { color }: FilledRect): void {
  const alpha = color[3];
  for (let row = rect.y; row < rect.y + rect.height; row++) {
    let at = (row * width + rect.x) * 4;
    for (const end = at + rect.width * 4; at < end; at += 4) {
      // Both in 255ths of a 255th; their sum is the alpha of the result.
      const over = alpha * 255;
      const under = data[at + 3]! * (255 - alpha);
      const sum = over + under;
      const half = sum >>> 1;
      data[at] = Math.floor((color[0] * over + data[at]! * under + half) / sum);
      data[at + 1] = Math.floor((color[1] * over + data[at + 1]! * under + half) / sum);
      data[at + 2] = Math.floor((color[2] * over + data[at + 2]! * under + half) / sum);
      data[at + 3] = by255(sum + 127);
    }
  }
}

function blendI420(picture: Picture, rect: Rect, { color }: FilledRect): void {
  const [red, green, blue, alpha] = color;
  const [y, u, v] = rgbToYuv([red, green, blue], picture.color ?? DEFAULT_COLOR);
  const planes = yuvPlanes(picture);
  blendLuma(planes.y, rect, { value: y, alpha });
  for (const [plane, value] of [[planes.u, u], [planes.v, v]] as const) {
    blendChroma({ plane, width: picture.width, height: picture.height }, rect, { value, alpha });
  }
}

interface Paint {
  readonly value: number;
  readonly alpha: number;
}

function blendLuma({ data, strideBytes }: Plane, rect: Rect, { value, alpha }: Paint): void {
  const part = value * alpha + 127;
  const rest = 255 - alpha;
  for (let row = rect.y; row < rect.y + rect.height; row++) {
    let at = row * strideBytes + rect.x;
    for (const end = at + rect.width; at < end; at++) data[at] = by255(part + data[at]! * rest);
  }
}

/** A chroma plane, and the size of its picture. */
interface ChromaTarget {
  readonly plane: Plane;
  readonly width: number;
  readonly height: number;
}

/** A sample stands for up to four pixels: it takes colour by the share of them that is drawn on. */
function blendChroma({ plane, width, height }: ChromaTarget, rect: Rect, paint: Paint): void {
  const bottom = rect.y + rect.height;
  const right = rect.x + rect.width;
  for (let row = rect.y >> 1; row * 2 < bottom; row++) {
    const rows = covered(row, rect.y, bottom);
    const pixelRows = covered(row, 0, height);
    for (let column = rect.x >> 1; column * 2 < right; column++) {
      const over = paint.alpha * rows * covered(column, rect.x, right);
      const sum = 255 * pixelRows * covered(column, 0, width);
      const at = row * plane.strideBytes + column;
      const blended = paint.value * over + plane.data[at]! * (sum - over);
      plane.data[at] = Math.floor((blended + (sum >> 1)) / sum);
    }
  }
}

/** How many of the two pixels of a chroma sample, along one axis, are from `start` to `end`. */
function covered(sample: number, start: number, end: number): number {
  return Math.min(sample * 2 + 2, end) - Math.max(sample * 2, start);
}

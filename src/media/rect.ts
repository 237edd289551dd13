/**
 * Sizes, rectangles and colours of pictures.
 *
 * @module
 */

/** A width and a height in pixels. */
export interface Size {
  /** From left to right. */
  readonly width: number;
  /** From top to bottom. */
  readonly height: number;
}

/** A rectangle in pixels; it may reach beyond the picture. */
export interface Rect extends Size {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
}

/** Red, green and blue, 0–255. */
export type Rgb = readonly [number, number, number];

/** Red, green, blue and alpha, 0–255; 255 is opaque. */
export type Rgba = readonly [number, number, number, number];

/** White. */
export const WHITE: Rgb = Object.freeze([255, 255, 255] as const);
/** Black. */
export const BLACK: Rgb = Object.freeze([0, 0, 0] as const);

/** A rectangle of one colour; where the colour is translucent, what is below shines through. */
export interface FilledRect extends Rect {
  /** Its colour. */
  readonly color: Rgba;
}

/** Whether two sizes are the same; both may be absent. */
export function sameSize(a: Size | undefined, b: Size | undefined): boolean {
  return a?.width === b?.width && a?.height === b?.height;
}

/** The colour with its alpha, which is opaque unless given. */
export function toRgba(color: Rgb | Rgba): Rgba {
  return color.length === 4 ? color : [color[0], color[1], color[2], 255];
}

/**
 * The part of a rectangle inside a picture, on whole pixels: each edge is rounded by itself, so
 * that rectangles that touch still do. Where nothing is inside, width or height is 0.
 */
export function clipRect(rect: Rect, picture: Size): Rect {
  const x = clamp(Math.round(rect.x), picture.width);
  const y = clamp(Math.round(rect.y), picture.height);
  return {
    x,
    y,
    width: Math.max(0, clamp(Math.round(rect.x + rect.width), picture.width) - x),
    height: Math.max(0, clamp(Math.round(rect.y + rect.height), picture.height) - y),
  };
}

function clamp(value: number, end: number): number {
  return Math.min(Math.max(value, 0), end);
}

/**
 * Rectangles in pictures.
 *
 * @module
 */

/** A rectangle in pixels; it may reach beyond the picture. */
export interface Rect {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** From the left edge to the right one. */
  readonly width: number;
  /** From the top edge to the bottom one. */
  readonly height: number;
}

/**
 * The part of a rectangle inside a picture, on whole pixels: each edge is rounded by itself, so
 * that rectangles that touch still do. Where nothing is inside, width or height is 0.
 */
export function clipRect(
  rect: Rect,
  picture: { readonly width: number; readonly height: number },
): Rect {
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

/**
 * How a picture is fitted into another size, and how coordinates are converted between the two.
 *
 * @module
 */

import type { Rect, Size } from "../../media/rect.ts";

/**
 * `stretch`: each side is scaled by itself. `cover`: the picture fills the target, and what does not
 * fit is cut off on both sides. `letterbox`: all of the source is shown, with bars around it. `pad`:
 * the same, but never enlarged, so that a slightly larger target shows the source's own pixels.
 */
export type Fit = "stretch" | "cover" | "letterbox" | "pad";

/** A point in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the pixels of a source go in a target. */
export interface FitMapping {
  /** The part of the source that is shown. */
  readonly crop: Rect;
  /** The part of the target that it fills: whole pixels. */
  readonly inner: Rect;
  /** Converts a position in the target to one in the source. */
  toSource(x: number, y: number): Point;
  /** Converts a position in the source to one in the target. */
  toTarget(x: number, y: number): Point;
}

/** The mapping of a fit. Throws a `TypeError` for an unknown fit. */
export function fitMapping(source: Size, target: Size, fit: Fit): FitMapping {
  const { crop, inner } = place(source, target, fit);
  const [scaleX, scaleY] = [crop.width / inner.width, crop.height / inner.height];
  return {
    crop,
    inner,
    toSource: (x, y) => ({
      x: crop.x + (x - inner.x) * scaleX,
      y: crop.y + (y - inner.y) * scaleY,
    }),
    toTarget: (x, y) => ({
      x: inner.x + (x - crop.x) / scaleX,
      y: inner.y + (y - crop.y) / scaleY,
    }),
  };
}

function place(source: Size, target: Size, fit: Fit): { crop: Rect; inner: Rect } {
  const whole = ({ width, height }: Size): Rect => ({ x: 0, y: 0, width, height });
  switch (fit) {
    case "stretch":
      return { crop: whole(source), inner: whole(target) };
    case "cover": {
      const scale = Math.max(target.width / source.width, target.height / source.height);
      return {
        crop: centred(source, target.width / scale, target.height / scale),
        inner: whole(target),
      };
    }
    case "letterbox":
    case "pad": {
      const maxScale = fit === "pad" ? 1 : Infinity;
      const scale = Math.min(maxScale, target.width / source.width, target.height / source.height);
      // Whole pixels: a bar that ends within a pixel would mix with the picture.
      const side = (length: number, most: number): number =>
        Math.min(most, Math.max(1, Math.round(length * scale)));
      const width = side(source.width, target.width);
      const height = side(source.height, target.height);
      const x = Math.floor((target.width - width) / 2);
      const y = Math.floor((target.height - height) / 2);
      return { crop: whole(source), inner: { x, y, width, height } };
    }
    default: {
      const other: never = fit;
      throw new TypeError(`Cannot fit by "${other}": use "stretch", "cover", "letterbox" or "pad"`);
    }
  }
}

function centred({ width, height }: Size, partWidth: number, partHeight: number): Rect {
  return {
    x: (width - partWidth) / 2,
    y: (height - partHeight) / 2,
    width: partWidth,
    height: partHeight,
  };
}

/** Rounding error of a part's edge that does not count as another pixel. */
const EDGE = 1e-6;

/** The columns or rows that a part covers, wholly or partly: from `first` to before `end`. */
export function shownPixels(
  { start, length }: { readonly start: number; readonly length: number },
  limit: number,
): { readonly first: number; readonly end: number } {
  const first = Math.min(limit - 1, Math.floor(start + EDGE));
  return { first, end: Math.max(first + 1, Math.min(limit, Math.ceil(start + length - EDGE))) };
}

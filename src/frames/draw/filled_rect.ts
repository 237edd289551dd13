/**
 * What everything that is drawn comes down to: rectangles of one colour.
 *
 * @module
 */

import type { Rect } from "../../media/rect.ts";

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

/** The colour with its alpha, which is opaque unless given. */
export function toRgba(color: Rgb | Rgba): Rgba {
  return color.length === 4 ? color : [color[0], color[1], color[2], 255];
}

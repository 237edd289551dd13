/**
 * Bilinear scaling, row by row: half-pixel centres, clamped at the edges of the part that is shown. A row
 * of the source is read and stretched once, however many rows are made of it.
 *
 * @module
 */

import type { Size } from "../../gpu/mod.ts";
import type { Rect } from "../../media/rect.ts";
import type { PixelRange, PixelRow, PixelRows } from "./pixel_rows.ts";

/** Where the pixels go. */
export interface SamplePlacement {
  /** Of the target. */
  readonly size: Size;
  /** The part of the source that is shown. */
  readonly crop: Rect;
  /** The part of the target that it fills: whole pixels. */
  readonly inner: Rect;
}

/** Gives row `y` of the target, which is valid until the next row is read. */
export type RowReader = (y: number) => PixelRow;

/** Whether pixels are copied unchanged: nothing is scaled, and there are no bars. */
export function isUnscaled({ size, crop, inner }: SamplePlacement): boolean {
  return Number.isInteger(crop.x) && Number.isInteger(crop.y) &&
    crop.width === size.width && crop.height === size.height &&
    inner.width === size.width && inner.height === size.height;
}

/** The rows of the target; pixels around the picture are of the background, 0–255. */
export function sampledRows(
  pixels: PixelRows,
  placement: SamplePlacement,
  background: readonly number[] = [0, 0, 0],
): RowReader {
  if (isUnscaled(placement)) return (y) => pixels.read(placement.crop.y + y);
  const { size, crop, inner } = placement;
  const filled = (): Float32Array => filledRow(size.width, pixels.stride, background);
  const empty = filled();
  const stretched = new StretchedRows(pixels, placement, [filled(), filled()]);
  const mixed = filled();
  const range = { start: inner.x * pixels.stride, end: (inner.x + inner.width) * pixels.stride };
  return (y) => {
    if (y < inner.y || y >= inner.y + inner.height) return empty;
    const axis = { start: crop.y, length: crop.height, steps: inner.height };
    const { low, high, part } = between(y - inner.y, axis, pixels.rows);
    const above = stretched.row(low, high);
    if (part === 0 || low === high) return above;
    mixRows(above, stretched.row(high, low), { into: mixed, part, ...range });
    return mixed;
  };
}

function filledRow(width: number, stride: 3 | 4, background: readonly number[]): Float32Array {
  const row = new Float32Array(width * stride);
  for (let at = 0; at < row.length; at++) row[at] = background[at % stride] ?? 255;
  return row;
}

/** The share `part` of `below`, and the rest of `above`. */
function mixRows(
  above: Float32Array,
  below: Float32Array,
  options: {
    readonly into: Float32Array;
    readonly part: number;
    readonly start: number;
    readonly end: number;
  },
): void {
  const { into, part, start, end } = options;
  for (let at = start; at < end; at++) {
    const value = above[at]!;
    into[at] = value + (below[at]! - value) * part;
  }
}

/** Rows of the source at the target's width; the last two are kept. */
class StretchedRows {
  readonly #pixels: PixelRows;
  /** For each value of the inner columns the two values it lies between, and the share of the second. */
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #part: Float32Array;
  readonly #start: number;
  readonly #kept: { y: number; readonly values: Float32Array }[];

  constructor(
    pixels: PixelRows,
    { crop, inner }: SamplePlacement,
    buffers: readonly [Float32Array, Float32Array],
  ) {
    const { columns, stride } = pixels;
    this.#pixels = pixels;
    this.#left = new Int32Array(inner.width);
    this.#right = new Int32Array(inner.width);
    this.#part = new Float32Array(inner.width);
    this.#start = inner.x * stride;
    this.#kept = buffers.map((values) => ({ y: -1, values }));
    const axis = { start: crop.x, length: crop.width, steps: inner.width };
    for (let x = 0; x < inner.width; x++) {
      const { low, high, part } = between(x, axis, columns);
      this.#left[x] = (low - columns.first) * stride;
      this.#right[x] = (high - columns.first) * stride;
      this.#part[x] = part;
    }
  }

  /** Row `y`; row `other` stays valid. */
  row(y: number, other: number): Float32Array {
    const found = this.#kept.find((row) => row.y === y);
    if (found !== undefined) return found.values;
    const row = this.#kept.find((row) => row.y !== other)!;
    row.y = y;
    this.#stretch(this.#pixels.read(y), row.values);
    return row.values;
  }

  #stretch(from: PixelRow, into: Float32Array): void {
    const [left, right, part] = [this.#left, this.#right, this.#part];
    const { stride } = this.#pixels;
    let to = this.#start;
    for (let x = 0; x < left.length; x++, to += stride) {
      const [l, r, share] = [left[x]!, right[x]!, part[x]!];
      const red = from[l]!;
      const green = from[l + 1]!;
      const blue = from[l + 2]!;
      into[to] = red + (from[r]! - red) * share;
      into[to + 1] = green + (from[r + 1]! - green) * share;
      into[to + 2] = blue + (from[r + 2]! - blue) * share;
      if (stride === 3) continue;
      const alpha = from[l + 3]!;
      into[to + 3] = alpha + (from[r + 3]! - alpha) * share;
    }
  }
}

interface Between {
  readonly low: number;
  readonly high: number;
  /** The share of `high`. */
  readonly part: number;
}

/** The two places between which target place `index` of `steps` lies, in a part of `length` from `start`. */
function between(
  index: number,
  { start, length, steps }: {
    readonly start: number;
    readonly length: number;
    readonly steps: number;
  },
  { first, end }: PixelRange,
): Between {
  const position = start + (index + 0.5) * length / steps - 0.5;
  const whole = Math.floor(position);
  const within = (place: number): number => Math.min(end - 1, Math.max(first, place));
  return { low: within(whole), high: within(whole + 1), part: position - whole };
}

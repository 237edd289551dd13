/**
 * Bilinear scaling, row by row: half-pixel centres, clamped at the edges of the part that is shown.
 *
 * @module
 */

import type { Rect } from "../media/rect.ts";

/** Pixels of interleaved channels, 3 or 4, tightly packed. */
export interface SampledPixels {
  readonly data: Uint8Array | Float32Array;
  /** In pixels. */
  readonly width: number;
  readonly channels: 3 | 4;
}

/** Where the pixels go. */
export interface SamplePlacement {
  /** The part of the source that is shown. */
  readonly crop: Rect;
  /** The part of the target that it fills: whole pixels. */
  readonly inner: Rect;
  /** Of the target, in pixels. */
  readonly width: number;
}

/** What {@linkcode sampleRow} needs, worked out once for a picture. */
export interface Sampling {
  readonly pixels: SampledPixels;
  readonly placement: SamplePlacement;
  readonly background: readonly number[];
  /** For each column of the target the offsets of the two columns it lies between; -1 for none. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The share of the right one. */
  readonly part: Float32Array;
}

/** Prepares the sampling of a picture. */
export function samplingOf(
  pixels: SampledPixels,
  placement: SamplePlacement,
  background: readonly number[] = [0, 0, 0],
): Sampling {
  const { crop, inner, width } = placement;
  const left = new Int32Array(width).fill(-1);
  const right = new Int32Array(width);
  const part = new Float32Array(width);
  for (let x = inner.x; x < inner.x + inner.width; x++) {
    const place = between(x - inner.x, crop.x, { length: crop.width, steps: inner.width });
    left[x] = place.low * pixels.channels;
    right[x] = place.high * pixels.channels;
    part[x] = place.part;
  }
  return { pixels, placement, background, left, right, part };
}

/** Row `y` of the target as RGBA of 0–255, not rounded; pixels around the picture are background. */
export function sampleRow(sampling: Sampling, y: number, into: Float32Array): void {
  const { pixels, placement, left, right, part } = sampling;
  const { crop, inner } = placement;
  const isInside = y >= inner.y && y < inner.y + inner.height;
  const rows = between(y - inner.y, crop.y, { length: crop.height, steps: inner.height });
  const strideItems = pixels.width * pixels.channels;
  const { data, channels } = pixels;
  const [above, below] = [rows.low * strideItems, rows.high * strideItems];
  for (let x = 0, to = 0; x < left.length; x++, to += 4) {
    const l = left[x]!;
    if (!isInside || l < 0) {
      fillBackground(sampling, into, to);
      continue;
    }
    const r = right[x]!;
    const share = part[x]!;
    into[to + 3] = 255;
    for (let channel = 0; channel < channels; channel++) {
      const topLeft = data[above + l + channel]!;
      const bottomLeft = data[below + l + channel]!;
      // Not multiplied where it is whole: 0 * NaN and 0 * Infinity are NaN.
      const top = share === 0 ? topLeft : topLeft + (data[above + r + channel]! - topLeft) * share;
      if (rows.part === 0) {
        into[to + channel] = top;
        continue;
      }
      const bottom = share === 0
        ? bottomLeft
        : bottomLeft + (data[below + r + channel]! - bottomLeft) * share;
      into[to + channel] = top + (bottom - top) * rows.part;
    }
  }
}

function fillBackground({ background }: Sampling, into: Float32Array, at: number): void {
  for (let channel = 0; channel < 3; channel++) into[at + channel] = background[channel]!;
  into[at + 3] = 255;
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
  start: number,
  { length, steps }: { readonly length: number; readonly steps: number },
): Between {
  const position = start + (index + 0.5) * length / steps - 0.5;
  const [first, last] = [Math.floor(start), Math.ceil(start + length) - 1];
  const whole = Math.floor(position);
  const clamp = (value: number): number => Math.min(last, Math.max(first, value));
  return { low: clamp(whole), high: clamp(whole + 1), part: position - whole };
}

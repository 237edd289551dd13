/**
 * The arithmetic between YUV and RGB: ITU-R BT.601, BT.709 and BT.2020, limited (16–235) and full (0–255)
 * range, in fixed point with 16 fractional bits.
 *
 * @module
 */

import type { ColorInfo } from "./types.ts";

/** Fractional bits of every coefficient. */
export const FRACTION_BITS = 16;

const ONE = 1 << FRACTION_BITS;

/** Integer coefficients for one matrix and range; sums fit 32 bits. */
export interface ColorCoefficients {
  /** What black is in Y: 16 or 0. */
  readonly yOffset: number;
  /** Y to R, G and B alike. */
  readonly yGain: number;
  readonly vToR: number;
  readonly uToG: number;
  readonly vToG: number;
  readonly uToB: number;
  readonly rToY: number;
  readonly gToY: number;
  readonly bToY: number;
  readonly rToU: number;
  readonly gToU: number;
  readonly bToU: number;
  readonly rToV: number;
  readonly gToV: number;
  readonly bToV: number;
}

/** The luma weights of a matrix: red and blue; green is the rest. */
const LUMA_WEIGHTS = {
  bt601: { red: 0.299, blue: 0.114 },
  bt709: { red: 0.2126, blue: 0.0722 },
  bt2020: { red: 0.2627, blue: 0.0593 },
} as const;

const cache = new Map<string, ColorCoefficients>();

/** The coefficients for a matrix and range. */
export function colorCoefficients(color: ColorInfo): ColorCoefficients {
  const key = `${color.matrix} ${color.fullRange}`;
  let found = cache.get(key);
  if (found === undefined) {
    found = computeCoefficients(color);
    cache.set(key, found);
  }
  return found;
}

/** One colour as Y, U and V, rounded. `rgb` is 0–255. */
export function rgbToYuv(
  rgb: readonly [number, number, number],
  color: ColorInfo,
): [number, number, number] {
  const c = colorCoefficients(color);
  const [r, g, b] = rgb;
  const half = ONE >> 1;
  const center = (128 << FRACTION_BITS) + half;
  return [
    clampByte((c.rToY * r + c.gToY * g + c.bToY * b + half >> FRACTION_BITS) + c.yOffset),
    clampByte(c.rToU * r + c.gToU * g + c.bToU * b + center >> FRACTION_BITS),
    clampByte(c.rToV * r + c.gToV * g + c.bToV * b + center >> FRACTION_BITS),
  ];
}

function clampByte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function computeCoefficients(color: ColorInfo): ColorCoefficients {
  const { red, blue } = LUMA_WEIGHTS[color.matrix];
  const green = 1 - red - blue;
  const yRange = color.fullRange ? 255 : 219;
  const cRange = color.fullRange ? 255 : 224;
  const fixed = (value: number): number => Math.round(value * ONE);
  const chromaGain = 255 / cRange;
  const uGain = cRange / 255 / (2 * (1 - blue));
  const vGain = cRange / 255 / (2 * (1 - red));
  const yScale = yRange / 255;
  return {
    yOffset: color.fullRange ? 0 : 16,
    yGain: fixed(255 / yRange),
    vToR: fixed(2 * (1 - red) * chromaGain),
    uToG: fixed(-2 * blue * (1 - blue) / green * chromaGain),
    vToG: fixed(-2 * red * (1 - red) / green * chromaGain),
    uToB: fixed(2 * (1 - blue) * chromaGain),
    rToY: fixed(red * yScale),
    // Rounded so that white is exactly white.
    gToY: fixed(yScale) - fixed(red * yScale) - fixed(blue * yScale),
    bToY: fixed(blue * yScale),
    rToU: fixed(-red * uGain),
    gToU: fixed(-green * uGain),
    bToU: fixed((1 - blue) * uGain),
    rToV: fixed((1 - red) * vGain),
    gToV: fixed(-green * vGain),
    bToV: fixed(-blue * vGain),
  };
}

/**
 * The rows of an `i420` picture as RGB, one at a time, so that only the needed part is converted.
 *
 * @module
 */

import {
  type ColorCoefficients,
  colorCoefficients,
  FRACTION_BITS,
} from "../../media/color_matrix.ts";
import { DEFAULT_COLOR, type Picture, yuvPlanes } from "../../media/picture.ts";

const HALF = 1 << (FRACTION_BITS - 1);

/** Where a row goes. */
export interface YuvRowTarget {
  /** Stores to it clamp: faster than comparing. */
  readonly out: Uint8ClampedArray;
  /** 3, or 4 with alpha, which is not written. */
  readonly pixelBytes: 3 | 4;
  /** The first column, an even number. */
  readonly first: number;
  /** The column after the last. */
  readonly end: number;
}

/** Reads an `i420` picture by rows. Throws a `TypeError` for other formats. */
export class YuvRows {
  readonly #y: Uint8Array;
  readonly #u: Uint8Array;
  readonly #v: Uint8Array;
  readonly #width: number;
  readonly #coefficients: ColorCoefficients;

  /** `picture` was checked. */
  constructor(picture: Picture) {
    const { y, u, v } = yuvPlanes(picture);
    [this.#y, this.#u, this.#v] = [y.data, u.data, v.data];
    this.#width = picture.width;
    this.#coefficients = colorCoefficients(picture.color ?? DEFAULT_COLOR);
  }

  /** Converts the columns of a row, to `outAt` on. */
  read(row: number, outAt: number, target: YuvRowTarget): void {
    const { out, pixelBytes, first, end } = target;
    const { yOffset, yGain, vToR, uToG, vToG, uToB } = this.#coefficients;
    const [y, u, v] = [this.#y, this.#u, this.#v];
    let at = row * this.#width + first;
    let chromaAt = (row >> 1) * ((this.#width + 1) >> 1) + (first >> 1);
    for (let column = first; column < end; column += 2) {
      const cu = u[chromaAt]! - 128;
      const cv = v[chromaAt++]! - 128;
      const red = vToR * cv + HALF;
      const green = uToG * cu + vToG * cv + HALF;
      const blue = uToB * cu + HALF;
      const left = (y[at++]! - yOffset) * yGain;
      out[outAt] = left + red >> FRACTION_BITS;
      out[outAt + 1] = left + green >> FRACTION_BITS;
      out[outAt + 2] = left + blue >> FRACTION_BITS;
      outAt += pixelBytes;
      if (column + 1 === end) break;
      const right = (y[at++]! - yOffset) * yGain;
      out[outAt] = right + red >> FRACTION_BITS;
      out[outAt + 1] = right + green >> FRACTION_BITS;
      out[outAt + 2] = right + blue >> FRACTION_BITS;
      outAt += pixelBytes;
    }
  }
}

/**
 * Pictures of plain numbers, and what the models of `scripts/build_models.ts` make of them: the
 * reference that runs are compared with.
 *
 * @module
 */

import { MPEG_TIME_BASE } from "../../src/base/mod.ts";
import { convertPicture, DEFAULT_COLOR, type Picture, VideoFrame } from "../../src/frames/mod.ts";
import { BLUR_KERNEL, GREY_WEIGHTS } from "../../scripts/build_models.ts";

/** RGB, 0–1, interleaved. */
export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

/**
 * A frame with gentle slopes in luma and chroma, another for each `seed`, so that blurs matter
 * little.
 */
export function smoothFrame(width: number, height: number, seed = 0): VideoFrame {
  const data = new Uint8Array(width * height + 2 * ((width + 1) >> 1) * ((height + 1) >> 1));
  const chroma = (width + 1) >> 1;
  for (let at = 0; at < data.length; at++) {
    const inLuma = at < width * height;
    const x = inLuma ? at % width : (at % chroma) * 2;
    const y = inLuma ? Math.floor(at / width) : at / chroma;
    data[at] = 126 + 70 * Math.sin(x / 9 + seed) * Math.cos(y / 7 + seed / 2);
  }
  return frameOf({ pixelFormat: "i420", data, width, height }, seed);
}

/** A frame whose pixels have nothing to do with each other, the same for the same size. */
export function noisyFrame(width: number, height: number): VideoFrame {
  const data = new Uint8Array(width * height * 3);
  let state = 1;
  for (let at = 0; at < data.length; at++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 | 0;
    data[at] = state >>> 16;
  }
  return frameOf({ pixelFormat: "rgb24", data, width, height });
}

function frameOf(picture: Picture, seed = 0): VideoFrame {
  return new VideoFrame({ ...picture, ptsTicks: seed, timeBase: MPEG_TIME_BASE });
}

/** The pixels of a picture as RGB. */
export function rgbOf(picture: Picture): RgbPicture {
  const { width, height } = picture;
  const bytes = convertPicture(picture, "rgb24");
  return { width, height, values: Float64Array.from(bytes, (byte) => byte / 255) };
}

/**
 * What `convolutionModel()` makes of a picture: blurred, black beyond the edges, red and blue
 * swapped.
 */
export function blurred({ width, height, values }: RgbPicture): RgbPicture {
  return picture(width, height, (x, y, channel) => {
    let sum = 0;
    BLUR_KERNEL.forEach((weight, tap) => {
      const [column, row] = [x + tap % 3 - 1, y + Math.floor(tap / 3) - 1];
      if (column < 0 || row < 0 || column >= width || row >= height) return;
      sum += weight * values[(row * width + column) * 3 + 2 - channel]!;
    });
    return sum;
  });
}

/** What `upscalerModel()` makes of a picture: bilinear at twice the size. */
export function doubled({ width, height, values }: RgbPicture): RgbPicture {
  const value = (x: number, y: number, channel: number): number => {
    const [column, row] = [clamp(x, width), clamp(y, height)];
    return values[(row * width + column) * 3 + channel]!;
  };
  return picture(width * 2, height * 2, (x, y, channel) => {
    const [column, row] = [(x - 0.5) / 2, (y - 0.5) / 2];
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [right, down] = [column - left, row - top];
    return (value(left, top, channel) * (1 - right) + value(left + 1, top, channel) * right) *
        (1 - down) +
      (value(left, top + 1, channel) * (1 - right) + value(left + 1, top + 1, channel) * right) *
        down;
  });
}

/** What `greyModel()` makes of a picture. */
export function greyed({ width, height, values }: RgbPicture): RgbPicture {
  return picture(width, height, (x, y) => {
    const at = (y * width + x) * 3;
    return GREY_WEIGHTS.reduce((sum, weight, channel) => sum + weight * values[at + channel]!, 0);
  });
}

/** The picture as an `i420` one, as a processor publishes it. */
export function toI420({ width, height, values }: RgbPicture): Picture {
  const data = Uint8Array.from(values, (v) => Math.min(255, Math.max(0, Math.round(v * 255))));
  const rgb: Picture = { pixelFormat: "rgb24", data, width, height, color: DEFAULT_COLOR };
  return { ...rgb, pixelFormat: "i420", data: convertPicture(rgb, "i420") };
}

/** The greatest difference of a byte; throws where format or size differ. */
export function greatestError(actual: Picture, expected: Picture): number {
  for (const field of ["pixelFormat", "width", "height"] as const) {
    if (actual[field] === expected[field]) continue;
    throw new Error(`${field} is ${actual[field]}, not ${expected[field]}`);
  }
  return expected.data.reduce(
    (worst, byte, at) => Math.max(worst, Math.abs(byte - actual.data[at]!)),
    0,
  );
}

/**
 * The mean difference of a byte, for pictures that were scaled and so are alike but not the same.
 */
export function meanError(actual: Picture, expected: Picture): number {
  greatestError(actual, expected); // Checks the sizes.
  const sum = expected.data.reduce((all, byte, at) => all + Math.abs(byte - actual.data[at]!), 0);
  return sum / expected.data.length;
}

function picture(
  width: number,
  height: number,
  value: (x: number, y: number, channel: number) => number,
): RgbPicture {
  const values = Float64Array.from({ length: width * height * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    return value(pixel % width, Math.floor(pixel / width), at % 3);
  });
  return { width, height, values };
}

function clamp(at: number, size: number): number {
  return Math.min(size - 1, Math.max(0, at));
}

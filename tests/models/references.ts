/**
 * What the small models of scripts/build_models.ts give, computed pixel by pixel. Pictures are planar:
 * `[3, height, width]`.
 *
 * @module
 */

import { BLUR_KERNEL, GREY_WEIGHTS } from "../../scripts/build_models.ts";

/** A planar RGB picture. */
export interface PlanarPicture {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** What the convolution model gives: blurred, black beyond the edges, red and blue swapped. */
export function convolved(picture: PlanarPicture): number[] {
  const { width, height } = picture;
  return planar(picture, (channel, x, y) => {
    let sum = 0;
    for (let tap = 0; tap < 9; tap++) {
      const [fromX, fromY] = [x + tap % 3 - 1, y + Math.floor(tap / 3) - 1];
      const isInside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      if (isInside) sum += BLUR_KERNEL[tap]! * at(picture, 2 - channel, [fromX, fromY]);
    }
    return sum;
  });
}

/** What the upscaler gives: twice the size, bilinear, half-pixel centres, clamped edges. */
export function doubled(picture: PlanarPicture): number[] {
  const { width, height } = picture;
  const size = { width: width * 2, height: height * 2 };
  return planar(size, (channel, x, y) => {
    const [fromX, fromY] = [(x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5];
    const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
    const [right, down] = [fromX - left, fromY - top];
    const pixel = (px: number, py: number): number =>
      at(picture, channel, [clamp(px, width), clamp(py, height)]);
    return (pixel(left, top) * (1 - right) + pixel(left + 1, top) * right) * (1 - down) +
      (pixel(left, top + 1) * (1 - right) + pixel(left + 1, top + 1) * right) * down;
  });
}

/** What the grey model gives: one plane. */
export function greyed(picture: PlanarPicture): number[] {
  const pixels = picture.width * picture.height;
  return Array.from(
    { length: pixels },
    (_, pixel) =>
      GREY_WEIGHTS.reduce(
        (sum, weight, channel) => sum + weight * picture.data[channel * pixels + pixel]!,
        0,
      ),
  );
}

/** From `[height, width, 3]` to `[3, height, width]`. */
export function planes(interleaved: ArrayLike<number>): number[] {
  const pixels = interleaved.length / 3;
  return Array.from(
    { length: interleaved.length },
    (_, index) => interleaved[index % pixels * 3 + Math.floor(index / pixels)]!,
  );
}

function planar(
  { width, height }: { readonly width: number; readonly height: number },
  value: (channel: number, x: number, y: number) => number,
): number[] {
  return Array.from({ length: 3 * width * height }, (_, index) => {
    const [channel, pixel] = [Math.floor(index / (width * height)), index % (width * height)];
    return value(channel, pixel % width, Math.floor(pixel / width));
  });
}

function at(
  { data, width, height }: PlanarPicture,
  channel: number,
  [x, y]: readonly [number, number],
): number {
  return data[channel * width * height + y * width + x]!;
}

function clamp(position: number, size: number): number {
  return Math.min(Math.max(position, 0), size - 1);
}

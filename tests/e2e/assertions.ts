/** What the tests of the chain have in common to assert. */

import assert from "node:assert/strict";
import type { Picture } from "../../src/frames/mod.ts";
import type { OutputFrame, Region } from "./decoding.ts";

/** Asserts that frame n of the output is frame n of the input, shown when that is. */
export function assertEveryFrame(
  frames: readonly OutputFrame[],
  shownTicks: readonly number[],
): void {
  assert.deepEqual(
    frames.map(({ stamp, ptsTicks }) => ({ stamp, ptsTicks })),
    shownTicks.map((ptsTicks, stamp) => ({ stamp, ptsTicks })),
  );
}

/** Options of {@linkcode pictureDifference}. */
export interface DifferenceOptions {
  /** What is made of the second picture's brightness first. @default it is left alone */
  readonly map?: (luma: number) => number;
  /** The part that is compared. @default all */
  readonly region?: Region;
}

/** The mean difference of brightness between two pictures of one size. */
export function pictureDifference(
  a: Picture,
  b: Picture,
  options: DifferenceOptions = {},
): number {
  assert.deepEqual([a.width, a.height], [b.width, b.height], "sizes");
  const { map = (luma) => luma, region = { x: 0, y: 0, width: a.width, height: a.height } } =
    options;
  let sum = 0;
  for (let y = region.y; y < region.y + region.height; y++) {
    for (let x = region.x; x < region.x + region.width; x++) {
      const at = y * a.width + x;
      sum += Math.abs(a.data[at]! - map(b.data[at]!));
    }
  }
  return sum / (region.width * region.height);
}

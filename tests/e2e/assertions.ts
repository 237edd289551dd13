/** What the tests of the chain have in common to assert. */

import assert from "node:assert/strict";
import type { OutputFrame } from "./decoding.ts";

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

import assert from "node:assert/strict";
import { formatTime } from "../../src/frames/mod.ts";

Deno.test("formatTime() writes hours, minutes, seconds and milliseconds", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "00:00:00.000"],
    [1.4, "00:00:01.400"],
    [59.9996, "00:01:00.000"],
    [3_599.999, "00:59:59.999"],
    [95_443.717, "26:30:43.717"],
    [360_000, "100:00:00.000"],
    [-1.5, "-00:00:01.500"],
    [-0.0001, "00:00:00.000"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatTime(seconds), text);
});

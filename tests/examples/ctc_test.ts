import assert from "node:assert/strict";
import { decodeText } from "../../examples/text/ctc.ts";

/** Steps in which one class each has this probability. */
function steps(classes: readonly number[], probability: number): Float32Array {
  const rows = classes.map((best) => {
    const row = new Array<number>(4).fill((1 - probability) / 3);
    row[best] = probability;
    return row;
  });
  return Float32Array.from(rows.flat());
}

Deno.test("decodeText() leaves out blanks and letters that are repeated", () => {
  const { text, score } = decodeText(steps([0, 1, 1, 0, 1, 2, 2, 0, 3, 0], 0.75), ["a", "b", " "]);
  assert.deepEqual([text, score], ["aab ", 0.75]);
});

Deno.test("decodeText() gives nothing for nothing", () => {
  assert.deepEqual(decodeText(steps([0, 0, 0], 0.9), ["a", "b", "c"]), { text: "", score: 0 });
});

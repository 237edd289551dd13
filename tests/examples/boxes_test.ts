import assert from "node:assert/strict";
import { findBoxes, type ProbabilityMap } from "../../examples/text/boxes.ts";

/** A map with rectangles of a probability each. */
function mapOf(
  size: [number, number],
  ...rects: [x: number, y: number, width: number, height: number, probability: number][]
): ProbabilityMap {
  const [width, height] = size;
  const data = new Float32Array(width * height);
  for (const [x, y, w, h, probability] of rects) {
    for (let row = y; row < y + h; row++) {
      data.fill(probability, row * width + x, row * width + x + w);
    }
  }
  return { data, width, height };
}

Deno.test("findBoxes() grows what it finds by area and length of the edge", () => {
  const [box, ...others] = findBoxes(mapOf([100, 60], [20, 20, 40, 10, 0.75]), 0.6);
  assert.deepEqual(others, []);
  // 40 * 10 * 1.5 / (2 * 50) = 6 pixels on each side
  assert.deepEqual(box, { x: 14, y: 14, width: 52, height: 22, score: 0.75 });
});

Deno.test("findBoxes() keeps boxes inside of the map", () => {
  const boxes = findBoxes(mapOf([100, 60], [0, 0, 40, 10, 1], [60, 50, 40, 10, 1]), 0.6);
  assert.deepEqual(boxes.map(({ x, y, width, height }) => [x, y, width, height]), [
    [0, 0, 46, 16],
    [54, 44, 46, 16],
  ]);
});

Deno.test("findBoxes() takes what touches at a corner for one box, all else for several", () => {
  const corner = mapOf([40, 40], [5, 5, 10, 10, 1], [15, 15, 10, 10, 1]);
  assert.equal(findBoxes(corner, 0.6).length, 1);
  const apart = mapOf([40, 40], [5, 5, 10, 10, 1], [16, 15, 10, 10, 1]);
  assert.equal(findBoxes(apart, 0.6).length, 2);
});

Deno.test("findBoxes() does not join the end of a row and the beginning of the next", () => {
  assert.equal(findBoxes(mapOf([30, 30], [20, 5, 10, 5, 1], [0, 6, 10, 5, 1]), 0.6).length, 2);
});

Deno.test("findBoxes() leaves out what is unsure, weak or small", () => {
  const unsure: [number, number, number, number, number] = [5, 5, 20, 10, 0.5];
  assert.deepEqual(findBoxes(mapOf([40, 40], unsure), 0.6), []);
  assert.equal(findBoxes(mapOf([40, 40], unsure), 0.4).length, 1);
  assert.deepEqual(findBoxes(mapOf([40, 40], [5, 5, 20, 10, 0.2]), 0.1), []);
  assert.deepEqual(findBoxes(mapOf([40, 40], [5, 5, 20, 2, 1]), 0.6), []);
});

Deno.test("findBoxes() gives a map of noise an end", () => {
  const rects = Array.from({ length: 400 }, (_, index) => {
    const [column, row] = [index % 20, Math.floor(index / 20)];
    return [column * 5, row * 5, 3, 3, 1] satisfies Parameters<typeof mapOf>[1];
  });
  assert.equal(findBoxes(mapOf([100, 100], ...rects), 0.6).length, 100);
});

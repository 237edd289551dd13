/**
 * From the map that a text detector gives to boxes: the post-processing of DB ("Real-time Scene
 * Text Detection with Differentiable Binarization", section 3), for upright boxes.
 *
 * @module
 */

import type { Rect } from "@runnel/runnel";

/** A map of how sure the model is that a pixel belongs to text, row by row, 0 to 1. */
export interface ProbabilityMap {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** A box around a word or a line, in pixels of the map. */
export interface TextBox extends Rect {
  /** How sure the model is, 0 to 1. */
  readonly score: number;
}

/** What counts as text, pixel by pixel. */
const PIXEL_THRESHOLD = 0.3;
/** Smaller things are dirt. */
const MIN_SIDE = 3;
/** The model marks the middle of a word only, so that words do not touch: boxes grow by this. */
const GROWTH = 1.5;
/** More boxes than that are noise. */
const MAX_BOXES = 100;

/** The boxes of which the model is as sure as `threshold`, from top to bottom. */
export function findBoxes(map: ProbabilityMap, threshold: number): TextBox[] {
  const boxes: TextBox[] = [];
  const seen = new Uint8Array(map.data.length);
  for (let start = 0; start < seen.length && boxes.length < MAX_BOXES; start++) {
    if (seen[start] === 1 || map.data[start]! < PIXEL_THRESHOLD) continue;
    const blob = measureBlob(map, seen, start);
    const isBigEnough = Math.min(blob.width, blob.height) >= MIN_SIDE;
    if (isBigEnough && blob.score >= threshold) boxes.push(grown(blob, map));
  }
  return boxes;
}

/** Visits the pixels that hang together with one, and measures them. */
function measureBlob(map: ProbabilityMap, seen: Uint8Array, start: number): TextBox {
  const { data, width, height } = map;
  const pending = [start];
  seen[start] = 1;
  let [left, right, top, bottom] = [width, 0, height, 0];
  let [sum, count] = [0, 0];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const [x, y] = [at % width, Math.floor(at / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    sum += data[at]!;
    count++;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        const next = row * width + column;
        if (seen[next] === 1 || data[next]! < PIXEL_THRESHOLD) continue;
        seen[next] = 1;
        pending.push(next);
      }
    }
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1, score: sum / count };
}

function grown({ x, y, width, height, score }: TextBox, map: ProbabilityMap): TextBox {
  const margin = width * height * GROWTH / (2 * (width + height));
  const [left, top] = [Math.max(0, x - margin), Math.max(0, y - margin)];
  return {
    x: left,
    y: top,
    width: Math.min(map.width, x + width + margin) - left,
    height: Math.min(map.height, y + height + margin) - top,
    score,
  };
}

/**
 * Which rectangles touch which tile of a picture: what the shader of draw_rects.ts reads, as words.
 *
 * @module
 */

import { clipRect, type FilledRect, type Size } from "../../media/rect.ts";

/** What one pass draws. */
export interface RectBatch {
  /** Rectangles, tiles and lists, as `DRAW_RECTS_WGSL` describes them. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Tiles that something is drawn on. */
  readonly tileCount: number;
  /** The word where the tiles start. */
  readonly tilesStart: number;
  /** The word where the lists start. */
  readonly listsStart: number;
}

/** Pixels of a tile, each way. */
export const TILE = 16;

/** Words of a rectangle, and of a tile. */
const RECORD_WORDS = 3;

/** Entries of all lists of a pass. The largest picture has as many tiles: one rectangle fits. */
const MAX_ENTRIES = 2 ** 20;

/** Rectangles on whole pixels inside the picture, without empty and invisible ones. */
interface ClippedRects {
  readonly count: number;
  readonly words: Uint32Array<ArrayBuffer>;
}

/**
 * Sorts rectangles into tiles. It takes more than one pass where they touch very many; passes are
 * drawn in their order. Throws a `RangeError` for a colour or place that is not valid.
 */
export function* batchRects(
  rects: readonly FilledRect[],
  size: Size,
  maxEntries: number = MAX_ENTRIES,
): Generator<RectBatch> {
  const clipped = clipRects(rects, size);
  let start = 0;
  while (start < clipped.count) {
    let end = start;
    let entries = 0;
    while (end < clipped.count) {
      entries += tilesOf(clipped.words, end);
      if (entries > maxEntries && end > start) break;
      end++;
    }
    yield tileRects(clipped.words.subarray(start * RECORD_WORDS, end * RECORD_WORDS), size);
    start = end;
  }
}

function clipRects(rects: readonly FilledRect[], size: Size): ClippedRects {
  const words = new Uint32Array(rects.length * RECORD_WORDS);
  let count = 0;
  for (const rect of rects) {
    checkRect(rect);
    const { x, y, width, height } = clipRect(rect, size);
    const [red, green, blue, alpha] = rect.color;
    if (width === 0 || height === 0 || alpha === 0) continue;
    const at = count++ * RECORD_WORDS;
    words[at] = x | y << 16;
    words[at + 1] = x + width | (y + height) << 16;
    words[at + 2] = red | green << 8 | blue << 16 | alpha << 24;
  }
  return { count, words };
}

/** The tiles that a rectangle touches: columns and rows, without the ends. */
interface TileRange {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

function rangeOf(words: Uint32Array, index: number): TileRange {
  const leftTop = words[index * RECORD_WORDS]!;
  const rightBottom = words[index * RECORD_WORDS + 1]!;
  return {
    left: Math.floor((leftTop & 0xffff) / TILE),
    top: Math.floor((leftTop >>> 16) / TILE),
    right: Math.ceil((rightBottom & 0xffff) / TILE),
    bottom: Math.ceil((rightBottom >>> 16) / TILE),
  };
}

function tilesOf(words: Uint32Array, index: number): number {
  const { left, top, right, bottom } = rangeOf(words, index);
  return (right - left) * (bottom - top);
}

/**
 * From the last rectangle to the first: what lies below an opaque rectangle that covers a tile is not
 * seen there, and not listed.
 */
function tileRects(rects: Uint32Array, size: Size): RectBatch {
  const columns = Math.ceil(size.width / TILE);
  const counts = countEntries(rects, size);
  const ends = new Uint32Array(counts.length);
  const tileCount = counts.reduce((sum, count) => count > 0 ? sum + 1 : sum, 0);
  const entries = counts.reduce((sum, count) => sum + count, 0);
  const tilesStart = rects.length;
  const listsStart = tilesStart + tileCount * RECORD_WORDS;
  const words = new Uint32Array(listsStart + entries);
  words.set(rects);
  let at = tilesStart;
  let first = 0;
  for (const [tile, count] of counts.entries()) {
    if (count === 0) continue;
    words[at] = tile % columns | Math.floor(tile / columns) << 16;
    words[at + 1] = first;
    words[at + 2] = count;
    at += RECORD_WORDS;
    first += count;
    ends[tile] = listsStart + first;
  }
  fillLists(words, { rectCount: rects.length / RECORD_WORDS, columns, ends, left: counts });
  return { words, tileCount, tilesStart, listsStart };
}

/** How many rectangles each tile lists. */
function countEntries(rects: Uint32Array, { width, height }: Size): Uint32Array {
  const columns = Math.ceil(width / TILE);
  const counts = new Uint32Array(columns * Math.ceil(height / TILE));
  const covered = new Uint8Array(counts.length);
  for (let index = rects.length / RECORD_WORDS - 1; index >= 0; index--) {
    const { left, top, right, bottom } = rangeOf(rects, index);
    const covers = coverTest(rects, index, { width, height });
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const tile = row * columns + column;
        if (covered[tile] === 1) continue;
        counts[tile]!++;
        if (covers(column, row)) covered[tile] = 1;
      }
    }
  }
  return counts;
}

/** Whether a rectangle hides all of a tile, or of its part inside of the picture. */
function coverTest(
  rects: Uint32Array,
  index: number,
  { width, height }: Size,
): (column: number, row: number) => boolean {
  const at = index * RECORD_WORDS;
  const [leftTop, rightBottom, color] = [rects[at]!, rects[at + 1]!, rects[at + 2]!];
  if (color >>> 24 !== 255) return () => false;
  const [left, top] = [leftTop & 0xffff, leftTop >>> 16];
  const [right, bottom] = [rightBottom & 0xffff, rightBottom >>> 16];
  return (column, row) =>
    left <= column * TILE && top <= row * TILE &&
    right >= Math.min(column * TILE + TILE, width) &&
    bottom >= Math.min(row * TILE + TILE, height);
}

/** Fills each list from its end; where it is full, the rest is not seen. Uses up its arguments. */
function fillLists(
  words: Uint32Array,
  lists: { rectCount: number; columns: number; ends: Uint32Array; left: Uint32Array },
): void {
  const { rectCount, columns, ends, left } = lists;
  for (let index = rectCount - 1; index >= 0; index--) {
    const range = rangeOf(words, index);
    for (let row = range.top; row < range.bottom; row++) {
      for (let column = range.left; column < range.right; column++) {
        const tile = row * columns + column;
        if (left[tile] === 0) continue;
        left[tile]!--;
        words[--ends[tile]!] = index;
      }
    }
  }
}

function checkRect({ x, y, width, height, color }: FilledRect): void {
  if (![x, y, width, height].every(Number.isFinite)) {
    throw new RangeError(
      `Cannot draw a rectangle of ${width}x${height} at ${x}, ${y}: use finite numbers`,
    );
  }
  if (
    color.length !== 4 ||
    !color.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)
  ) {
    throw new RangeError(
      `Cannot draw a rectangle of colour ${JSON.stringify(color)}: ` +
        "use red, green, blue and alpha, whole numbers from 0 to 255",
    );
  }
}

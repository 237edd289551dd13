/**
 * Text as rectangles: runs of dots of the built-in font that do not overlap, so that translucent text
 * is even.
 *
 * @module
 */

import {
  type FilledRect,
  type Rect,
  type Rgb,
  type Rgba,
  toRgba,
  WHITE,
} from "../../media/rect.ts";
import { GLYPH_ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows, LINE_ADVANCE } from "./font.ts";

/** How a text looks, and where it is. */
export interface DrawTextOptions {
  /** Left edge of the text in pixels. */
  readonly x: number;
  /** Top edge of the text in pixels. */
  readonly y: number;
  /** Pixels a dot of the font takes, each way: 1 gives letters of 5x7 pixels. @default 2 */
  readonly scale?: number;
  /** Colour of the letters. @default WHITE */
  readonly color?: Rgb | Rgba;
  /** Colour of a line of one dot around the letters. @default none */
  readonly outline?: Rgb | Rgba;
  /** Colour of a box behind the text, two dots larger on each side. @default none */
  readonly background?: Rgb | Rgba;
}

/** By how many dots the background is larger than the text, on each side. */
export const BACKGROUND_MARGIN = 2;

/** Dots around a line of text that its outline needs. */
const OUTLINE = 1;

/**
 * The size of a text in pixels, without outline and background. Throws a `RangeError` for a scale
 * that is not a whole number from 1.
 */
export function measureText(text: string, scale: number): { width: number; height: number } {
  if (!Number.isInteger(scale) || scale < 1) {
    throw new RangeError(`Cannot draw text at scale ${scale}: use a whole number from 1`);
  }
  const lines = text.split("\n");
  const longest = lines.reduce((most, line) => Math.max(most, [...line].length), 0);
  const gap = GLYPH_ADVANCE - GLYPH_WIDTH;
  return {
    width: Math.max(0, longest * GLYPH_ADVANCE - gap) * scale,
    height: ((lines.length - 1) * LINE_ADVANCE + GLYPH_HEIGHT) * scale,
  };
}

/**
 * The rectangles of a text: background, outline, letters; `\n` starts a new line. Throws a
 * `RangeError` for a scale that is not a whole number from 1.
 */
export function textRects(text: string, options: DrawTextOptions): FilledRect[] {
  const { x, y, scale = 2, color = WHITE, outline, background } = options;
  const size = measureText(text, scale);
  const rects: FilledRect[] = [];
  if (background !== undefined) {
    const margin = BACKGROUND_MARGIN * scale;
    rects.push({
      x: x - margin,
      y: y - margin,
      width: size.width + 2 * margin,
      height: size.height + 2 * margin,
      color: toRgba(background),
    });
  }
  const lines = text.split("\n").map(lineDots);
  const lineAt = (index: number): DotPlace => ({ x, y: y + index * LINE_ADVANCE * scale, scale });
  for (const [dots, dotColor] of [["outline", outline], ["letters", color]] as const) {
    if (dotColor === undefined) continue;
    const fill = toRgba(dotColor);
    lines.forEach((line, index) => rects.push(...dotRects(line, { ...lineAt(index), dots }, fill)));
  }
  return rects;
}

/** One line of text in dots, with a margin of {@linkcode OUTLINE} around it. */
interface LineDots {
  readonly columns: number;
  readonly rows: number;
  /** 1 where a letter has a dot, row by row. */
  readonly letters: Uint8Array;
}

/** Where a line goes: pixels of its left top dot, pixels a dot. */
interface DotPlace {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

function lineDots(line: string): LineDots {
  const characters = [...line];
  const columns = characters.length * GLYPH_ADVANCE + 2 * OUTLINE;
  const rows = GLYPH_HEIGHT + 2 * OUTLINE;
  const letters = new Uint8Array(columns * rows);
  characters.forEach((character, index) => {
    const left = index * GLYPH_ADVANCE + OUTLINE;
    glyphRows(character).forEach((bits, row) => {
      const start = (row + OUTLINE) * columns + left;
      for (let column = 0; column < GLYPH_WIDTH; column++) {
        letters[start + column] = bits >> (GLYPH_WIDTH - 1 - column) & 1;
      }
    });
  });
  return { columns, rows, letters };
}

/** 1 where a dot is not part of a letter, but next to one. */
function outlineDots({ columns, rows, letters }: LineDots): Uint8Array {
  const outline = new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      if (letters[at] === 0 && hasNeighbour(letters, { columns, rows, row, column })) {
        outline[at] = 1;
      }
    }
  }
  return outline;
}

function hasNeighbour(
  dots: Uint8Array,
  at: { columns: number; rows: number; row: number; column: number },
): boolean {
  const { columns, rows } = at;
  for (let row = Math.max(0, at.row - 1); row <= Math.min(rows - 1, at.row + 1); row++) {
    const left = Math.max(0, at.column - 1);
    const right = Math.min(columns - 1, at.column + 1);
    for (let column = left; column <= right; column++) {
      if (dots[row * columns + column] === 1) return true;
    }
  }
  return false;
}

/** Runs of dots, and runs of equal place in successive rows as one rectangle. */
function dotRects(
  line: LineDots,
  place: DotPlace & { readonly dots: "letters" | "outline" },
  color: Rgba,
): FilledRect[] {
  const { columns, rows } = line;
  const { x, y, scale } = place;
  const dots = place.dots === "letters" ? line.letters : outlineDots(line);
  return mergeRuns(dots, columns, rows).map((run) => ({
    x: x + (run.x - OUTLINE) * scale,
    y: y + (run.y - OUTLINE) * scale,
    width: run.width * scale,
    height: run.height * scale,
    color,
  }));
}

function mergeRuns(dots: Uint8Array, columns: number, rows: number): Rect[] {
  const merged: { x: number; y: number; width: number; height: number }[] = [];
  let above = new Map<number, number>();
  for (let row = 0; row < rows; row++) {
    const here = new Map<number, number>();
    for (let column = 0; column < columns; column++) {
      const start = column;
      while (column < columns && dots[row * columns + column] === 1) column++;
      if (column === start) continue;
      const key = start * columns + column;
      const known = above.get(key);
      if (known === undefined) {
        merged.push({ x: start, y: row, width: column - start, height: 0 });
      }
      const index = known ?? merged.length - 1;
      merged[index]!.height++;
      here.set(key, index);
    }
    above = here;
  }
  return merged;
}

/**
 * Drawing into pictures: rectangles and text, in place, on every pixel format. What lies outside of the
 * picture is cut off.
 *
 * @module
 */

import { rgbToYuv } from "../media/color_matrix.ts";
import { GLYPH_ADVANCE, GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows, LINE_ADVANCE } from "./font.ts";
import { DEFAULT_COLOR, type Picture, type Plane, yuvPlanes } from "../media/picture.ts";

/** Red, green and blue, 0–255. */
export type Rgb = readonly [number, number, number];

/** White. */
export const WHITE: Rgb = Object.freeze([255, 255, 255] as const);
/** Black. */
export const BLACK: Rgb = Object.freeze([0, 0, 0] as const);

/** A rectangle in pixels; it may reach beyond the picture. */
export interface Rect {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** From the left edge to the right one. */
  readonly width: number;
  /** From the top edge to the bottom one. */
  readonly height: number;
}

/** Options of {@linkcode drawText}. */
export interface DrawTextOptions {
  /** Left edge of the text in pixels. */
  readonly x: number;
  /** Top edge of the text in pixels. */
  readonly y: number;
  /** Pixels a dot of the font takes, each way: 1 gives letters of 5x7 pixels. @default 2 */
  readonly scale?: number;
  /** Colour of the letters. @default WHITE */
  readonly color?: Rgb;
  /** Colour of a line of one dot around the letters. @default none */
  readonly outline?: Rgb;
  /** Colour of a box behind the text, two dots larger on each side. @default none */
  readonly background?: Rgb;
}

/**
 * Fills a rectangle. In `i420` the colour of the 2x2 blocks that it touches changes as a whole, their
 * brightness does not.
 */
export function fillRect(picture: Picture, rect: Rect, color: Rgb): void {
  createPainter(picture, color)(rect);
}

/**
 * Draws text in the built-in font; `\n` starts a new line. Throws a `RangeError` for a scale that is
 * not a whole number from 1.
 */
export function drawText(picture: Picture, text: string, options: DrawTextOptions): void {
  const { x, y, scale = 2, color = WHITE, outline, background } = options;
  const size = measureText(text, scale);
  if (background !== undefined) {
    const margin = 2 * scale;
    fillRect(picture, {
      x: x - margin,
      y: y - margin,
      width: size.width + 2 * margin,
      height: size.height + 2 * margin,
    }, background);
  }
  if (outline !== undefined) {
    drawDots(text, { x: x - scale, y: y - scale, scale, grow: 2 }, createPainter(picture, outline));
  }
  drawDots(text, { x, y, scale, grow: 0 }, createPainter(picture, color));
}

/**
 * The size of a text in pixels, without outline and background. Throws a `RangeError` for a scale that
 * is not a whole number from 1.
 */
export function measureText(text: string, scale: number): { width: number; height: number } {
  if (!Number.isInteger(scale) || scale < 1) {
    throw new RangeError(`Cannot draw text at scale ${scale}: use a whole number from 1`);
  }
  const lines = text.split("\n");
  const longest = Math.max(...lines.map((line) => [...line].length));
  const gap = GLYPH_ADVANCE - GLYPH_WIDTH;
  return {
    width: Math.max(0, longest * GLYPH_ADVANCE - gap) * scale,
    height: ((lines.length - 1) * LINE_ADVANCE + GLYPH_HEIGHT) * scale,
  };
}

/** Where dots go, and by how many dots each of them is larger than one. */
interface DotLayout {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  readonly grow: number;
}

function drawDots(text: string, layout: DotLayout, paint: Painter): void {
  let { x, y } = layout;
  for (const character of text) {
    if (character === "\n") {
      x = layout.x;
      y += LINE_ADVANCE * layout.scale;
      continue;
    }
    drawGlyph(glyphRows(character), { ...layout, x, y }, paint);
    x += GLYPH_ADVANCE * layout.scale;
  }
}

/** Paints runs of dots rather than dots: a letter takes a handful of rectangles. */
function drawGlyph(rows: Uint8Array, layout: DotLayout, paint: Painter): void {
  const { x, y, scale, grow } = layout;
  for (let row = 0; row < GLYPH_HEIGHT; row++) {
    const bits = rows[row]!;
    for (let column = 0; column < GLYPH_WIDTH; column++) {
      const start = column;
      while (column < GLYPH_WIDTH && (bits >> (GLYPH_WIDTH - 1 - column) & 1) === 1) column++;
      if (column === start) continue;
      paint({
        x: x + start * scale,
        y: y + row * scale,
        width: (column - start + grow) * scale,
        height: (1 + grow) * scale,
      });
    }
  }
}

/** Fills rectangles of one picture in one colour. */
type Painter = (rect: Rect) => void;

function createPainter(picture: Picture, color: Rgb): Painter {
  if (picture.pixelFormat !== "i420") {
    const pixel = picture.pixelFormat === "rgba" ? [...color, 255] : [...color];
    return (rect) => fillPixels(picture, clip(rect, picture), pixel);
  }
  const [y, u, v] = rgbToYuv([...color], picture.color ?? DEFAULT_COLOR);
  const planes = yuvPlanes(picture);
  return (rect) => {
    const inside = clip(rect, picture);
    if (inside.width === 0 || inside.height === 0) return;
    fillPlane(planes.y, inside, y);
    const chroma = halve(inside);
    fillPlane(planes.u, chroma, u);
    fillPlane(planes.v, chroma, v);
  };
}

function fillPlane(plane: Plane, rect: Rect, value: number): void {
  for (let row = rect.y; row < rect.y + rect.height; row++) {
    const start = row * plane.strideBytes + rect.x;
    plane.data.fill(value, start, start + rect.width);
  }
}

/** Writes the first row pixel by pixel and copies it to the others. */
function fillPixels(picture: Picture, rect: Rect, pixel: readonly number[]): void {
  const { data, width } = picture;
  const strideBytes = width * pixel.length;
  const start = rect.y * strideBytes + rect.x * pixel.length;
  const end = start + rect.width * pixel.length;
  if (rect.height === 0) return;
  for (let at = start; at < end; at++) data[at] = pixel[(at - start) % pixel.length]!;
  for (let row = 1; row < rect.height; row++) {
    data.copyWithin(start + row * strideBytes, start, end);
  }
}

/** The part of a rectangle inside the picture, on whole pixels. */
function clip(rect: Rect, picture: Picture): Rect {
  const left = clamp(Math.round(rect.x), picture.width);
  const top = clamp(Math.round(rect.y), picture.height);
  return {
    x: left,
    y: top,
    width: clamp(Math.round(rect.x + rect.width), picture.width) - left,
    height: clamp(Math.round(rect.y + rect.height), picture.height) - top,
  };
}

function clamp(value: number, end: number): number {
  return Math.min(Math.max(value, 0), end);
}

/** The chroma samples that a rectangle of pixels touches. */
function halve(rect: Rect): Rect {
  const x = rect.x >> 1;
  const y = rect.y >> 1;
  return {
    x,
    y,
    width: ((rect.x + rect.width + 1) >> 1) - x,
    height: ((rect.y + rect.height + 1) >> 1) - y,
  };
}

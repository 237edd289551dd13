/**
 * A frame number that machines can read from the picture. Tests, the demo and the benchmarks use it to
 * tell which frame came out, and when. It survives loss of colour, inversion, scaling to half or double
 * size, and H.264: every frame of 640x360 at 150 kbit/s is read. A picture for which the bits do not
 * suffice (noise at that rate) gives no number, or that of the picture the encoder repeated.
 *
 * The stamp covers the top eighth of the picture: two rows of eighteen cells, black or white. The first
 * and last cell of each row are marks (white, black; black, white) that give the threshold and tell an
 * inverted picture from a plain one; between them are 32 bits, most significant first: 24 bits of
 * number, then its CRC-8 (polynomial 0x07).
 *
 * @module
 */

import { fillRect } from "./draw.ts";
import { BLACK, WHITE } from "../../media/rect.ts";
import { type Picture, type Plane, yuvPlanes } from "../../media/picture.ts";

/** Frame numbers wrap here: a stamp holds 24 bits. */
export const STAMP_LIMIT = 1 << 24;

const COLUMNS = 18;
const ROWS = 2;
const BITS_PER_ROW = COLUMNS - 2;
/** The part of the height that the stamp covers, as its inverse. */
const HEIGHT_DIVISOR = 8;
/** The least difference between black and white marks that counts as a stamp. */
const MIN_CONTRAST = 48;
/** How near to the threshold, in parts of the contrast, a cell is too grey to be one. */
const GREY_ZONE = 0.15;

/** The smallest width that {@linkcode writeStamp} takes, in pixels: three a cell. */
export const MIN_STAMP_WIDTH = COLUMNS * 3;
/** The smallest height that {@linkcode writeStamp} takes, in pixels: three a cell. */
export const MIN_STAMP_HEIGHT = ROWS * 3 * HEIGHT_DIVISOR;

/**
 * Writes a number into a picture, modulo {@linkcode STAMP_LIMIT}. For scaling to half size and low
 * bitrates the picture should be at least 288x128. Throws a `RangeError` for a picture below
 * {@linkcode MIN_STAMP_WIDTH} x {@linkcode MIN_STAMP_HEIGHT}, or a number that is not a whole one from 0.
 */
export function writeStamp(picture: Picture, frameNumber: number): void {
  const { width, height } = picture;
  if (width < MIN_STAMP_WIDTH || height < MIN_STAMP_HEIGHT) {
    throw new RangeError(
      `Cannot stamp a picture of ${width}x${height}: it takes ${MIN_STAMP_WIDTH}x${MIN_STAMP_HEIGHT}`,
    );
  }
  if (!Number.isSafeInteger(frameNumber) || frameNumber < 0) {
    throw new RangeError(`Cannot stamp the number ${frameNumber}: use a whole number from 0`);
  }
  const cells = stampCells(frameNumber % STAMP_LIMIT);
  for (let index = 0; index < cells.length; index++) {
    const left = index % COLUMNS * width / COLUMNS;
    const top = Math.floor(index / COLUMNS) * height / HEIGHT_DIVISOR / ROWS;
    const cell = {
      x: left,
      y: top,
      width: width / COLUMNS,
      height: height / HEIGHT_DIVISOR / ROWS,
    };
    fillRect(picture, cell, cells[index] === true ? WHITE : BLACK);
  }
}

/**
 * Reads the number from a picture, or from a plane of brightness. `undefined` where there is no stamp,
 * or it is too damaged to be trusted.
 */
export function readStamp(source: Picture | Plane): number | undefined {
  const { width, height } = source;
  if (width < COLUMNS || height < ROWS * HEIGHT_DIVISOR) return undefined;
  const levels = readLevels("pixelFormat" in source ? brightness(source) : planeSamples(source));
  const threshold = marksThreshold(levels);
  if (threshold === undefined) return undefined;
  let bits = 0;
  for (let index = 0; index < levels.length; index++) {
    if (isMark(index)) continue;
    const distance = (levels[index]! - threshold.middle) / threshold.contrast;
    if (Math.abs(distance) < GREY_ZONE) return undefined;
    bits = bits * 2 + (distance > 0 ? 1 : 0);
  }
  const number = Math.floor(bits / 256);
  return crc8(number) === bits % 256 ? number : undefined;
}

/** The cells row by row; true is white. */
function stampCells(number: number): boolean[] {
  const bits = number * 256 + crc8(number);
  const cells: boolean[] = [];
  for (let row = 0; row < ROWS; row++) {
    cells.push(row === 0);
    for (let column = 0; column < BITS_PER_ROW; column++) {
      const power = (ROWS - row) * BITS_PER_ROW - 1 - column;
      cells.push(Math.floor(bits / 2 ** power) % 2 === 1);
    }
    cells.push(row !== 0);
  }
  return cells;
}

function isMark(index: number): boolean {
  const column = index % COLUMNS;
  return column === 0 || column === COLUMNS - 1;
}

/** What lies between black and white, and how far they are apart: negative in an inverted picture. */
function marksThreshold(levels: Float64Array): { middle: number; contrast: number } | undefined {
  const white = [levels[0]!, levels[2 * COLUMNS - 1]!];
  const black = [levels[COLUMNS - 1]!, levels[COLUMNS]!];
  const apart = Math.min(...white) - Math.max(...black);
  const apartInverted = Math.min(...black) - Math.max(...white);
  if (Math.max(apart, apartInverted) < MIN_CONTRAST) return undefined;
  const whiteLevel = (white[0]! + white[1]!) / 2;
  const blackLevel = (black[0]! + black[1]!) / 2;
  return { middle: (whiteLevel + blackLevel) / 2, contrast: whiteLevel - blackLevel };
}

/** Samples of brightness: every `step` bytes a pixel, every `strideBytes` a row. */
interface Samples {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly step: number;
  readonly strideBytes: number;
}

/** Green stands for brightness in RGB: black and white are the same in all channels. */
function brightness(picture: Picture): Samples {
  const { pixelFormat, data, width, height } = picture;
  if (pixelFormat === "i420") return planeSamples(yuvPlanes(picture).y);
  const step = pixelFormat === "rgba" ? 4 : 3;
  return { data: data.subarray(1), width, height, step, strideBytes: width * step };
}

function planeSamples(plane: Plane): Samples {
  return { ...plane, step: 1 };
}

/** The mean over the middle half of each cell: edges blur, middles do not. */
function readLevels(samples: Samples): Float64Array {
  const levels = new Float64Array(ROWS * COLUMNS);
  const cellWidth = samples.width / COLUMNS;
  const cellHeight = samples.height / HEIGHT_DIVISOR / ROWS;
  for (let index = 0; index < levels.length; index++) {
    levels[index] = cellMean(samples, {
      left: (index % COLUMNS + 0.25) * cellWidth,
      right: (index % COLUMNS + 0.75) * cellWidth,
      top: (Math.floor(index / COLUMNS) + 0.25) * cellHeight,
      bottom: (Math.floor(index / COLUMNS) + 0.75) * cellHeight,
    });
  }
  return levels;
}

interface CellEdges {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function cellMean(samples: Samples, edges: CellEdges): number {
  const { data, step, strideBytes } = samples;
  const firstColumn = Math.floor(edges.left);
  const endColumn = Math.max(firstColumn + 1, Math.floor(edges.right));
  const firstRow = Math.floor(edges.top);
  const endRow = Math.max(firstRow + 1, Math.floor(edges.bottom));
  let sum = 0;
  for (let row = firstRow; row < endRow; row++) {
    const rowStart = row * strideBytes;
    for (let column = firstColumn; column < endColumn; column++) {
      sum += data[rowStart + column * step]!;
    }
  }
  return sum / ((endRow - firstRow) * (endColumn - firstColumn));
}

/** CRC-8 of the three bytes of a number: polynomial 0x07, start 0xFF so that 0 does not give 0. */
function crc8(number: number): number {
  let crc = 0xff;
  for (const byte of [number >> 16, number >> 8 & 0xff, number & 0xff]) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1 ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return crc;
}

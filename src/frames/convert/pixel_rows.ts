/**
 * Pixels that are read row by row, from pictures and from the numbers of models.
 *
 * @module
 */

import { isInterleaved, type ResolvedSpec, shownPixels, type Size } from "../../gpu/mod.ts";
import { checkPicture, type Picture } from "../../media/picture.ts";
import type { Rect } from "../../media/rect.ts";
import { YuvRows } from "./yuv_rows.ts";

/** Pixels of one row, 0–255: red, green, blue, and alpha where they have it. */
export type PixelRow = Uint8ClampedArray | Float32Array;

/** The rows of a part of something. */
export interface PixelRows {
  /** Values of a pixel. */
  readonly stride: 3 | 4;
  /** Columns that are read. */
  readonly columns: PixelRange;
  /** Rows that may be read. */
  readonly rows: PixelRange;
  /** The columns of row `y`, valid until the next row is read. */
  read(y: number): PixelRow;
}

/** From `first` to before `end`. */
export interface PixelRange {
  readonly first: number;
  readonly end: number;
}

/** The numbers of a tensor. */
export type Numbers = Uint8Array | Float32Array | Float16Array;

/** Rounds half up and clamps; NaN is 0. */
export function toByte(value: number): number {
  return value >= 254.5 ? 255 : value > 0 ? value + 0.5 | 0 : 0;
}

/** The rows of a part of a picture. Throws as `checkPicture` does. */
export function pictureRows(picture: Picture, part: Rect): PixelRows {
  checkPicture(picture);
  const { data, width, pixelFormat } = picture;
  const { columns, rows } = shownPart(part, picture);
  if (pixelFormat === "i420") return yuvRows(picture, columns, rows);
  const stride = pixelFormat === "rgba" ? 4 : 3;
  const bytes = new Uint8ClampedArray(data.buffer, data.byteOffset, data.length);
  const read = (y: number): PixelRow =>
    bytes.subarray((y * width + columns.first) * stride, (y * width + columns.end) * stride);
  return { stride, columns, rows, read };
}

function yuvRows(picture: Picture, columns: PixelRange, rows: PixelRange): PixelRows {
  const yuv = new YuvRows(picture);
  // Two columns share their chroma.
  const first = columns.first - columns.first % 2;
  const out = new Uint8ClampedArray((columns.end - first) * 3);
  const target = { out, pixelBytes: 3, first, end: columns.end } as const;
  const row = out.subarray((columns.first - first) * 3);
  const read = (y: number): PixelRow => {
    yuv.read(y, 0, target);
    return row;
  };
  return { stride: 3, columns, rows, read };
}

/** Numbers that hold pixels. */
export interface NumberPixels {
  readonly numbers: Numbers;
  readonly spec: ResolvedSpec;
  readonly size: Size;
}

/** The rows of a part of a tensor, clamped to 0–255. */
export function tensorRows(pixels: NumberPixels, part: Rect, stride: 3 | 4): PixelRows {
  const { columns, rows } = shownPart(part, pixels.size);
  const out = new Float32Array((columns.end - columns.first) * stride);
  const read = (y: number): PixelRow => {
    const start = y * pixels.size.width + columns.first;
    eachChannel(pixels, { start, stride }, (channel) => readClamped(pixels.numbers, out, channel));
    return out;
  };
  if (stride === 4) fillAlpha(out);
  return { stride, columns, rows, read };
}

/** The pixels of a part as they are, as bytes; a stride of 1 takes the first channel only. */
export function readPixels(pixels: NumberPixels, part: Rect, stride: 1 | 3 | 4): Uint8Array {
  const { columns, rows } = shownPart(part, pixels.size);
  const rowPixels = columns.end - columns.first;
  const out = new Uint8Array(rowPixels * (rows.end - rows.first) * stride);
  if (stride === 4) fillAlpha(out);
  for (let y = rows.first; y < rows.end; y++) {
    const start = y * pixels.size.width + columns.first;
    const at = (y - rows.first) * rowPixels * stride;
    eachChannel(
      pixels,
      { start, stride },
      (channel) => readBytes(pixels.numbers, out, { ...channel, at: at + channel.at, rowPixels }),
    );
  }
  return out;
}

function shownPart(part: Rect, size: Size): { columns: PixelRange; rows: PixelRange } {
  return {
    columns: shownPixels({ start: part.x, length: part.width }, size.width),
    rows: shownPixels({ start: part.y, length: part.height }, size.height),
  };
}

function fillAlpha(pixels: Uint8Array | Float32Array): void {
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = 255;
}

/** Where the numbers of a row's channel are, and what they mean. */
interface RowChannel {
  /** Of its first number. */
  readonly from: number;
  /** From one pixel's number to the next one's. */
  readonly step: number;
  readonly scale: number;
  readonly bias: number;
  /** Where its first value goes; the next is `stride` further. */
  readonly at: number;
  readonly stride: 1 | 3 | 4;
}

/** Calls `read` for each of red, green, blue, and alpha where it is both there and asked for. */
function eachChannel(
  { spec, size }: NumberPixels,
  { start, stride }: { readonly start: number; readonly stride: 1 | 3 | 4 },
  read: (channel: RowChannel) => void,
): void {
  const { channels, scale, bias } = spec;
  const together = isInterleaved(spec.layout);
  const [step, plane] = together ? [channels, 1] : [1, size.width * size.height];
  const count = Math.min(channels === 1 ? 3 : channels, stride);
  for (let at = 0; at < count; at++) {
    const place = channelPlace(spec, at);
    read({
      from: start * step + place * plane,
      step,
      scale: 1 / scale[place]!,
      bias: -bias[place]! / scale[place]!,
      at,
      stride,
    });
  }
}

/** The place in a tensor of red, green, blue or alpha. */
export function channelPlace(
  { channels, channelOrder }: Pick<ResolvedSpec, "channels" | "channelOrder">,
  color: number,
): number {
  if (channels === 1) return 0;
  return channelOrder === "bgr" && color < 3 ? 2 - color : color;
}

function readClamped(numbers: Numbers, out: Float32Array, channel: RowChannel): void {
  const { step, scale, bias, at, stride } = channel;
  for (let to = at, from = channel.from; to < out.length; to += stride, from += step) {
    const value = numbers[from]! * scale + bias;
    // Comparisons with NaN are false, so that NaN becomes 0.
    out[to] = value >= 255 ? 255 : value > 0 ? value : 0;
  }
}

function readBytes(
  numbers: Numbers,
  out: Uint8Array,
  channel: RowChannel & { readonly rowPixels: number },
): void {
  const { step, scale, bias, at, stride, rowPixels } = channel;
  const end = at + rowPixels * stride;
  if (numbers instanceof Uint8Array) {
    for (let to = at, from = channel.from; to < end; to += stride, from += step) {
      out[to] = numbers[from]!;
    }
    return;
  }
  for (let to = at, from = channel.from; to < end; to += stride, from += step) {
    out[to] = toByte(numbers[from]! * scale + bias);
  }
}

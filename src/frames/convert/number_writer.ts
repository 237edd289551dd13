/**
 * Rows of pixels into the numbers of a tensor.
 *
 * @module
 */

import { isInterleaved, type ResolvedSpec } from "../../gpu/mod.ts";
import { colorCoefficients, FRACTION_BITS } from "../../media/color_matrix.ts";
import type { ColorInfo } from "../../media/types.ts";
import { channelPlace, type Numbers, type PixelRow } from "./pixel_rows.ts";

/** What is written, and how. */
export interface NumberTarget {
  readonly numbers: Numbers;
  readonly spec: ResolvedSpec;
  /** Pixels of the whole tensor. */
  readonly pixels: number;
  /** Values of a pixel of the rows. */
  readonly stride: 3 | 4;
  /** Its matrix makes grey. */
  readonly color: ColorInfo;
}

/** Writes a row as numbers, from pixel `at` of the tensor on. */
export type RowWriter = (row: PixelRow, at: number) => void;

/** Makes the writer for a tensor; rows may be bytes or, where they were scaled, floats. */
export function rowWriter(target: NumberTarget): RowWriter {
  const { spec, numbers, stride, pixels } = target;
  const channels = rowChannels(target);
  if (spec.channels === 1) {
    const weights = greyWeights(target.color);
    return (row, at) => writeGrey(row, numbers, { ...channels[0]!, to: at, stride, weights });
  }
  if (spec.channels === 4 && stride === 3) {
    const { first, step, scale, bias } = channels[3]!;
    const opaque = 255 * scale + bias;
    for (let i = 0, to = first; i < pixels; i++, to += step) numbers[to] = opaque;
    channels.pop();
  }
  return (row, at) => {
    for (const channel of channels) {
      const place = { ...channel, to: channel.first + at * channel.step, stride };
      if (row instanceof Float32Array) writeScaled(row, numbers, place);
      else writeBytes(row, numbers, place);
    }
  };
}

/** A channel of the tensor. */
interface NumberChannel {
  /** Red 0, green 1, blue 2 or alpha 3. */
  readonly color: number;
  /** Where its first number is. */
  readonly first: number;
  /** From one pixel's number to the next one's. */
  readonly step: number;
  readonly scale: number;
  readonly bias: number;
  /** The number of each byte, of the tensor's own type. */
  readonly table: Numbers;
  readonly round: boolean;
}

function rowChannels({ spec, pixels }: NumberTarget): NumberChannel[] {
  const { channels, scale, bias, dtype } = spec;
  const together = isInterleaved(spec.layout);
  return Array.from({ length: channels }, (_, color) => {
    const place = channelPlace(spec, color);
    const [s, b] = [scale[place]!, bias[place]!];
    const table = createNumbers(spec, 256);
    for (let byte = 0; byte < 256; byte++) table[byte] = byte * s + b;
    return {
      color,
      first: together ? place : place * pixels,
      step: together ? channels : 1,
      scale: s,
      bias: b,
      table,
      round: dtype === "uint8",
    };
  });
}

/** Zeros of a tensor's type. */
export function createNumbers({ dtype }: ResolvedSpec, length: number): Numbers {
  if (dtype === "uint8") return new Uint8Array(length);
  return dtype === "float16" ? new Float16Array(length) : new Float32Array(length);
}

interface ChannelPlace extends NumberChannel {
  readonly to: number;
  readonly stride: 3 | 4;
}

function writeBytes(row: Uint8ClampedArray, numbers: Numbers, place: ChannelPlace): void {
  const { table, step, stride } = place;
  for (let from = place.color, to = place.to; from < row.length; from += stride, to += step) {
    numbers[to] = table[row[from]!]!;
  }
}

function writeScaled(row: Float32Array, numbers: Numbers, place: ChannelPlace): void {
  const { scale, step, stride } = place;
  // Stores to bytes truncate: adding a half rounds. The values were mixed from numbers in range.
  const bias = place.bias + (place.round ? 0.5 : 0);
  for (let from = place.color, to = place.to; from < row.length; from += stride, to += step) {
    numbers[to] = row[from]! * scale + bias;
  }
}

function writeGrey(
  row: PixelRow,
  numbers: Numbers,
  options: Omit<ChannelPlace, "color" | "first"> & {
    readonly weights: readonly [number, number, number];
  },
): void {
  const { scale, stride } = options;
  // Stores to bytes truncate: adding a half rounds.
  const bias = options.bias + (options.round ? 0.5 : 0);
  const [red, green, blue] = options.weights;
  for (let from = 0, to = options.to; from < row.length; from += stride, to++) {
    const grey = red * row[from]! + green * row[from + 1]! + blue * row[from + 2]!;
    numbers[to] = grey * scale + bias;
  }
}

function greyWeights(color: ColorInfo): [number, number, number] {
  const { rToY, gToY, bToY } = colorCoefficients({ matrix: color.matrix, fullRange: true });
  const one = 2 ** FRACTION_BITS;
  return [rToY / one, gToY / one, bToY / one];
}

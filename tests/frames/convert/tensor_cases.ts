/**
 * Cases for conversions between pictures and tensors: all sorts of everything, in turns.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Tensor } from "onnxruntime-common";
import type { Picture, PixelFormat } from "../../../src/frames/mod.ts";
import type { ImageToTensorOptions, TensorRange, TensorSpec } from "../../../src/gpu/mod.ts";
import { COLORS, noisePicture, seededRandom } from "../pictures.ts";
import { numbersOf } from "./tensor_reference.ts";

export const FORMATS: readonly PixelFormat[] = ["i420", "rgb24", "rgba"];
export const LAYOUTS = ["nchw", "nhwc", "chw", "hwc"] as const;
export const DTYPES = ["float32", "float16", "uint8"] as const;
export const CHANNELS = [3, 1, 4] as const;
export const ORDERS = ["rgb", "bgr"] as const;
export const RANGES: readonly TensorRange[] = [
  "0-1",
  "0-255",
  "-1-1",
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
];

/** How pictures are laid into other sizes; each for a picture of any size. */
export const PLACEMENTS: readonly ((picture: Picture) => ImageToTensorOptions)[] = [
  () => ({}),
  ({ width, height }) => ({ width: width * 2 - 1, height: height + 3 }),
  ({ width, height }) => ({ width: half(width), height: half(height) }),
  ({ width, height }) => ({ width: height + 4, height: width + 1, fit: "cover" }),
  ({ width, height }) => ({
    width: width + 9,
    height: half(height),
    fit: "letterbox",
    background: [255, 114, 3],
  }),
  ({ width, height }) => ({ width: width + 5, height: height + 2, fit: "pad" }),
  ({ width, height }) => ({
    crop: { x: width / 5, y: height / 7, width: width / 2, height: height / 3 + 0.5 },
    width: width + 1,
    height,
    fit: "letterbox",
    background: [9, 0, 200],
  }),
  ({ width, height }) => ({
    crop: { x: 1, y: 1, width: width - 1, height: height - 1 },
  }),
];

function half(side: number): number {
  return Math.max(1, Math.floor(side / 2));
}

/** A tensor's meaning with nothing left out. */
export type FullSpec = Required<TensorSpec>;

/** Every tensor that a picture may become: 160 of floats and 20 of bytes. */
export function* allSpecs(): Generator<FullSpec> {
  for (const layout of LAYOUTS) {
    for (const dtype of DTYPES) {
      for (const channels of CHANNELS) {
        for (const channelOrder of channels === 1 ? ORDERS.slice(0, 1) : ORDERS) {
          for (const range of dtype === "uint8" ? ["0-255"] as const : RANGES) {
            yield { layout, dtype, channels, channelOrder, range };
          }
        }
      }
    }
  }
}

/** The one of `list` whose turn it is. */
export function turn<T>(list: readonly T[], index: number): T {
  return list[index % list.length]!;
}

/** A picture of noise, of the format and meaning whose turn it is. */
export function turnPicture(index: number, size: readonly [number, number]): Picture {
  return noisePicture(turn(FORMATS, index), size, turn(COLORS, index >> 1));
}

/** In words, for the message of a failure. */
export function describeCase(...parts: readonly unknown[]): string {
  return parts.map((part) =>
    JSON.stringify(part, (key, value) => key === "data" ? undefined : value)
  ).join(" ");
}

/** How much of a number one step of a pixel is. */
export function pixelStep({ range, channels }: FullSpec): number {
  if (range === "0-255") return 1;
  if (range === "0-1") return 1 / 255;
  if (range === "-1-1") return 2 / 255;
  return 1 / 255 / Math.min(...range.std.slice(0, channels));
}

/** Numbers of a model: mostly within the range, with some that no picture has. */
export function modelNumbers(count: number, spec: FullSpec, seed: number): number[] {
  const random = seededRandom(seed);
  const { range, dtype } = spec;
  const odd = [NaN, Infinity, -Infinity, 1e30, -1e30];
  return Array.from({ length: count }, () => {
    const pixel = random() * 275 - 10;
    const pick = random();
    if (dtype === "uint8") return Math.floor(Math.min(255, Math.max(0, pixel)));
    if (pick < 0.02) return odd[Math.floor(pick * 250)]!;
    if (range === "0-255") return pixel;
    if (range === "0-1") return pixel / 255;
    if (range === "-1-1") return pixel / 127.5 - 1;
    return (pixel / 255 - 0.45) / 0.22;
  });
}

/** Allowed differences of {@linkcode assertClose}. */
export interface Tolerance {
  /** In steps of a pixel. */
  readonly steps: number;
  /** The share of numbers that may be one whole step off: halves that were rounded otherwise. */
  readonly roundedShare?: number;
}

/** Fails unless the tensor's numbers are those expected, as closely as its type holds them. */
export function assertClose(
  tensor: Pick<Tensor, "type" | "data">,
  expected: ArrayLike<number>,
  options: Tolerance & { readonly spec: FullSpec; readonly what: string },
): void {
  const { spec, what, steps, roundedShare = 0 } = options;
  const numbers = numbersOf(tensor);
  assert.equal(numbers.length, expected.length, what);
  const step = pixelStep(spec);
  // Numbers of 10 bits are off by half their last one, and by one where the device cuts them off.
  const share = spec.dtype === "float16" ? 2 ** -10 : 1e-6;
  let rounded = 0;
  for (let i = 0; i < numbers.length; i++) {
    const target = expected[i]!;
    const off = Math.abs(numbers[i]! - target) - Math.abs(target) * share;
    const allowed = spec.dtype === "uint8" ? Math.min(0.5 + steps, 1) : steps * step + 1e-7;
    if (off <= allowed) continue;
    rounded++;
    assert.ok(off <= step + allowed, `${what}: number ${i} is ${numbers[i]}, not ${target}`);
  }
  const most = roundedShare === 0 ? 0 : 2 + numbers.length * roundedShare;
  assert.ok(rounded <= most, `${what}: ${rounded} rounded off`);
}

/** Fails unless bytes differ by 1 at most, and by that only here and there: halves that fell the other way. */
export function assertSameBytes(
  bytes: Uint8Array,
  expected: Uint8Array,
  options: { readonly what: string; readonly share?: number },
): void {
  const { what, share = 0.03 } = options;
  assert.equal(bytes.length, expected.length, what);
  let different = 0;
  for (let i = 0; i < bytes.length; i++) {
    const off = Math.abs(bytes[i]! - expected[i]!);
    assert.ok(off <= 1, `${what}: byte ${i} is ${bytes[i]}, not ${expected[i]}`);
    different += off;
  }
  assert.ok(different <= Math.ceil(bytes.length * share) + 2, `${what}: ${different} bytes differ`);
}

/**
 * What the numbers of a model's tensor mean as a picture: order, type and range.
 *
 * @module
 */

import type { Size } from "../../media/rect.ts";

/** Number types of tensors that hold pictures. */
export type TensorDtype = "uint8" | "float32" | "float16";

/** Order of the dimensions: N = 1, C channels, H rows, W columns. */
export type TensorLayout = "nchw" | "nhwc" | "chw" | "hwc";

/**
 * What a number stands for, of a pixel of 0–255: itself, a share of 0–1, -1 to 1, or
 * `(pixel / 255 - mean) / std` for each channel in the order of the tensor.
 */
export type TensorRange =
  | "0-1"
  | "0-255"
  | "-1-1"
  | { readonly mean: readonly number[]; readonly std: readonly number[] };

/** The numbers that a model takes or gives. */
export interface TensorSpec {
  /** @default "nchw" */
  readonly layout?: TensorLayout;
  /** @default "float32" */
  readonly dtype?: TensorDtype;
  /** 1: grey, by the picture's matrix; 3: RGB; 4: RGBA. @default 3 */
  readonly channels?: 1 | 3 | 4;
  /** Which of red and blue comes first. @default "rgb" */
  readonly channelOrder?: "rgb" | "bgr";
  /** @default "0-1"; of `uint8` tensors "0-255", and nothing else */
  readonly range?: TensorRange;
}

/** A {@linkcode TensorSpec} with every default applied. */
export interface ResolvedSpec {
  readonly layout: TensorLayout;
  readonly dtype: TensorDtype;
  readonly channels: 1 | 3 | 4;
  readonly channelOrder: "rgb" | "bgr";
  /** `number = pixel * scale + bias` for each channel of the tensor; `pixel` is 0–255. */
  readonly scale: readonly number[];
  readonly bias: readonly number[];
}

const DTYPES: readonly string[] = ["uint8", "float32", "float16"];
/** Whether numbers of a type may be a picture's. */
export function isTensorDtype(type: string): type is TensorDtype {
  return DTYPES.includes(type);
}

const LAYOUTS: readonly string[] = ["nchw", "nhwc", "chw", "hwc"];

/**
 * Applies the defaults. Throws a `TypeError` or `RangeError` for values that no picture's tensor
 * has.
 */
export function resolveTensorSpec(spec: TensorSpec): ResolvedSpec {
  const { layout = "nchw", dtype = "float32", channels = 3, channelOrder = "rgb" } = spec;
  check("layout", layout, LAYOUTS);
  check("dtype", dtype, DTYPES);
  check("channels", channels, [1, 3, 4]);
  check("channelOrder", channelOrder, ["rgb", "bgr"]);
  const range = spec.range ?? (dtype === "uint8" ? "0-255" : "0-1");
  if (dtype === "uint8" && range !== "0-255") {
    throw new TypeError(
      `Cannot use the range ${describe(range)} with uint8 numbers: they are 0-255; ` +
        "leave the range out, or use float32 or float16",
    );
  }
  return { layout, dtype, channels, channelOrder, ...affine(range, channels) };
}

/** Whether the channels of a pixel lie together, and not in a plane each. */
export function isInterleaved(layout: TensorLayout): boolean {
  return layout === "nhwc" || layout === "hwc";
}

/** The dimensions of a picture's tensor. */
export function tensorDims(
  { layout, channels }: Pick<ResolvedSpec, "layout" | "channels">,
  { width, height }: Size,
): number[] {
  const dims = isInterleaved(layout) ? [height, width, channels] : [channels, height, width];
  return layout.length === 4 ? [1, ...dims] : dims;
}

function affine(
  range: TensorRange,
  channels: number,
): { readonly scale: readonly number[]; readonly bias: readonly number[] } {
  const same = (scale: number, bias: number) => ({
    scale: new Array<number>(channels).fill(scale),
    bias: new Array<number>(channels).fill(bias),
  });
  if (range === "0-255") return same(1, 0);
  if (range === "0-1") return same(1 / 255, 0);
  if (range === "-1-1") return same(2 / 255, -1);
  const { mean, std } = Object(range) as { mean?: unknown; std?: unknown };
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length >= Math.min(channels, 3) && list.every(Number.isFinite);
  if (!isList(mean) || !isList(std) || std.some((value) => value === 0)) {
    throw new TypeError(
      `Cannot use the range ${describe(range)}: use "0-1", "0-255", "-1-1", or { mean, std } ` +
        `with a number for each of ${Math.min(channels, 3)} channels, std not 0`,
    );
  }
  // Alpha usually has no statistics: then its range is 0-1.
  const at = (list: number[], channel: number, none: number): number => list[channel] ?? none;
  const each = Array.from({ length: channels }, (_, c) => c);
  return {
    scale: each.map((c) => 1 / 255 / at(std, c, 1)),
    bias: each.map((c) => -at(mean, c, 0) / at(std, c, 1)),
  };
}

function check(name: string, value: unknown, accepted: readonly unknown[]): void {
  if (accepted.includes(value)) return;
  throw new TypeError(
    `Cannot make a tensor with ${name} ${describe(value)}: use ${accepted.join(", ")}`,
  );
}

function describe(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

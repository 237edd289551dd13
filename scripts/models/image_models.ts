/**
 * Small image→image models: a 3×3 blur that swaps red and blue, a 2× upscaler, a grey one, and a
 * drawing style. Each does something that can be seen and computed by hand. Pictures are RGB, 0–1
 * (0–255 where the type is `uint8`).
 *
 * @module
 */

import type { NodeProto, TensorProto } from "npm:onnx-buf@1.20.0-1";
import {
  externalTensor,
  floatTensor,
  integerTensor,
  modelBytes,
  node,
  type ValueSpec,
} from "./graph.ts";

/** The size of a model's pictures; dynamic height and width where there is none. */
export interface PictureSize {
  readonly width?: number;
  readonly height?: number;
}

/** How a convolution model takes its picture. */
export interface ConvolutionOptions extends PictureSize {
  /** @default "float32" */
  readonly dtype?: "float32" | "float16" | "uint8";
  /** @default "nchw" */
  readonly layout?: "nchw" | "nhwc";
}

/** A model whose constants lie in a file beside it. */
export interface ModelWithData {
  readonly model: Uint8Array<ArrayBuffer>;
  /** The name under which the model looks for `data`. */
  readonly dataPath: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The blur of {@linkcode convolutionModel}, row by row; its sum is 1. */
export const BLUR_KERNEL: readonly number[] = [1, 2, 1, 2, 4, 2, 1, 2, 1].map((n) => n / 16);

/** The weights of red, green and blue in {@linkcode greyModel} (ITU-R BT.601). */
export const GREY_WEIGHTS: readonly number[] = [0.299, 0.587, 0.114];

/**
 * `input` → `output`, same size: each channel blurred with {@linkcode BLUR_KERNEL} (black beyond the
 * edges), then red and blue swapped, so that a wrong channel order shows. A `uint8` model rounds half
 * to even and clamps.
 */
export function convolutionModel(options: ConvolutionOptions = {}): Uint8Array<ArrayBuffer> {
  return modelBytes(convolutionGraph(options, blurWeights(options)));
}

/** {@linkcode convolutionModel} with its weights in a file of their own. */
export function externalDataModel(
  dataPath = "weights.bin",
  options: PictureSize = {},
): ModelWithData {
  const weights = blurWeights(options);
  const external = externalTensor(weights, { location: dataPath, offset: 0 });
  return {
    model: modelBytes(convolutionGraph(options, external)),
    dataPath,
    data: new Uint8Array(weights.rawData),
  };
}

/** `input` → `output` of twice the width and height: bilinear, half-pixel centres, clamped edges. */
export function upscalerModel(size: PictureSize = {}): Uint8Array<ArrayBuffer> {
  const double = (side: number | string): number | string =>
    typeof side === "number" ? side * 2 : `${side}_doubled`;
  const [height, width] = sides(size);
  return modelBytes({
    name: "upscaler",
    inputs: [{ name: "input", type: "float32", dims: [1, 3, height, width] }],
    outputs: [{ name: "output", type: "float32", dims: [1, 3, double(height), double(width)] }],
    nodes: [
      node("Pad", [["input", "pads"], ["padded"]], { mode: "edge" }),
      node("Conv", [["padded", "weights"], ["phases"]], { kernel_shape: [3, 3] }),
      node("DepthToSpace", [["phases"], ["output"]], { blocksize: 2, mode: "CRD" }),
    ],
    initializers: [
      integerTensor("pads", [0, 0, 1, 1, 0, 0, 1, 1]),
      floatTensor("weights", [12, 3, 3, 3], { values: upscalerWeights() }),
    ],
  });
}

/** `input` of three channels → `output` of one: {@linkcode GREY_WEIGHTS}. */
export function greyModel(size: PictureSize = {}): Uint8Array<ArrayBuffer> {
  const [height, width] = sides(size);
  return modelBytes({
    name: "grey",
    inputs: [{ name: "input", type: "float32", dims: [1, 3, height, width] }],
    outputs: [{ name: "output", type: "float32", dims: [1, 1, height, width] }],
    nodes: [node("Conv", [["input", "weights"], ["output"]], { kernel_shape: [1, 1] })],
    initializers: [floatTensor("weights", [1, 3, 1, 1], { values: GREY_WEIGHTS })],
  });
}

function convolutionGraph(
  options: ConvolutionOptions,
  weights: TensorProto,
): Parameters<typeof modelBytes>[0] {
  const { dtype = "float32", layout = "nchw" } = options;
  const [height, width] = sides(options);
  const dims = layout === "nchw" ? [1, 3, height, width] : [1, height, width, 3];
  const value = (name: string): ValueSpec => ({ name, type: dtype, dims });
  const nodes: NodeProto[] = [];
  let last = "input";
  const then = (opType: string, extra: string[], attributes: Parameters<typeof node>[2]): void => {
    const output = `value${nodes.length}`;
    nodes.push(node(opType, [[last, ...extra], [output]], attributes));
    last = output;
  };
  if (layout === "nhwc") then("Transpose", [], { perm: [0, 3, 1, 2] });
  if (dtype === "uint8") then("Cast", [], { to: 1 });
  then("Conv", ["weights"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  if (dtype === "uint8") then("Round", [], {});
  if (dtype === "uint8") then("Clip", ["black", "white"], {});
  if (dtype === "uint8") then("Cast", [], { to: 2 });
  if (layout === "nhwc") then("Transpose", [], { perm: [0, 2, 3, 1] });
  nodes.at(-1)!.output = ["output"];
  const limits = [
    floatTensor("black", [], { values: [0] }),
    floatTensor("white", [], { values: [255] }),
  ];
  return {
    name: "convolution",
    inputs: [value("input")],
    outputs: [value("output")],
    nodes,
    initializers: dtype === "uint8" ? [weights, ...limits] : [weights],
  };
}

function blurWeights({ dtype }: ConvolutionOptions): TensorProto {
  const values = [0, 1, 2].flatMap((to) =>
    [0, 1, 2].flatMap((from) => BLUR_KERNEL.map((weight) => from === 2 - to ? weight : 0))
  );
  const type = dtype === "float16" ? "float16" : "float32";
  return floatTensor("weights", [3, 3, 3, 3], { values, type });
}

/** Output channel `c * 4 + row * 2 + column` is the pixel at that corner of each doubled pixel. */
function upscalerWeights(): number[] {
  const line = [[0.25, 0.75, 0], [0, 0.75, 0.25]] as const;
  const phases = line.flatMap((row) =>
    line.map((column) => row.flatMap((down) => column.map((right) => down * right)))
  );
  const none = new Array<number>(9).fill(0);
  return [0, 1, 2].flatMap((to) =>
    phases.flatMap((phase) => [0, 1, 2].flatMap((from) => from === to ? phase : none))
  );
}

function sides({ width, height }: PictureSize): [number | string, number | string] {
  return [height ?? "height", width ?? "width"];
}

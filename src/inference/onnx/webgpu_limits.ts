/**
 * What onnxruntime's WebGPU provider cannot do for a model, asked of its file before it is loaded.
 *
 * @module
 */

import type { Convolution, OnnxFile } from "./onnx_file.ts";
import { GpuError } from "../../base/errors.ts";

/** A layout, as onnxruntime names it. */
export type ConvLayout = "NHWC" | "NCHW";

/**
 * The layout in which all convolutions of a model are right. onnxruntime chooses channels-last, for which
 * its kernels are fastest. Those of 1.30 silently give wrong numbers for some numbers of channels, found
 * by comparing all small ones with the CPU. Its channels-first kernels are right for all of them.
 */
export function safeConvLayout(file: OnnxFile | undefined): ConvLayout {
  return file?.convolutions.every(isRightInNhwc) ?? false ? "NHWC" : "NCHW";
}

function isRightInNhwc({ weightDims, group, hasStridesOrPads }: Convolution): boolean {
  const [outputs, inputs, ...kernel] = weightDims ?? [];
  // Weights that are computed may be of any number of channels.
  if (outputs === undefined || inputs === undefined) return false;
  if (group === 1) {
    // One pixel at a time is a matrix product, which another kernel computes.
    if (!hasStridesOrPads && kernel.every((side) => side === 1)) return true;
    // The kernel that reads three channels at a time goes wrong after the first three.
    const readsThrees = inputs % 4 !== 0 && inputs % 3 === 0 && outputs % 4 === 0;
    return !readsThrees || inputs === 3;
  }
  // The grouped kernel writes as many outputs at a time as divide all of them, across groups too.
  const outputsAtOnce = [4, 2, 1].find((count) => outputs % count === 0)!;
  const groupOutputs = outputs / group;
  return groupOutputs < 4 || groupOutputs % outputsAtOnce === 0;
}

/**
 * Throws a {@linkcode GpuError} of code `GPU_LIMIT` where a constant is larger than a buffer may be:
 * onnxruntime would fail in ways that say nothing.
 */
export function checkFitsDevice(
  model: string,
  file: OnnxFile | undefined,
  { maxBufferSize = Infinity }: Readonly<Record<string, number>>,
): void {
  if (file === undefined) return;
  const external = file.externalTensors.map(({ name, length }) => ({ name, bytes: length ?? 0 }));
  for (const { name, bytes } of [file.largestConstant, ...external]) {
    if (bytes <= maxBufferSize) continue;
    throw new GpuError(
      "GPU_LIMIT",
      `Cannot load the model ${model}: its constant "${name}" has ${bytes} bytes, and the GPU takes ` +
        `${maxBufferSize} in a buffer; use a smaller model, or the provider wasm`,
      { context: { model, bytes, maxBufferSize } },
    );
  }
}

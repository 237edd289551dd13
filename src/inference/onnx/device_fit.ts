/**
 * Whether a model fits a device, asked before it is loaded: a buffer that is too large makes onnxruntime
 * fail in ways that say nothing.
 *
 * @module
 */

import { GpuError } from "../../base/errors.ts";
import type { OnnxFile } from "./onnx_file.ts";

/** Throws a {@linkcode GpuError} of code `GPU_LIMIT` where a constant is larger than a buffer may be. */
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

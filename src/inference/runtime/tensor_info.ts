/**
 * What a model takes and gives, and whether tensors fit it. This is checked before a run, because
 * onnxruntime's errors name neither the input nor what it takes.
 *
 * @module
 */

import type { InferenceSession, Tensor } from "onnxruntime-common";
import { ModelError } from "../../base/errors.ts";

/** An input or output of a model. */
export interface ModelTensorInfo {
  /** Its name in the model. */
  readonly name: string;
  /** onnxruntime's name of the element type: `float32`, `float16`, `uint8`, …; `other` for no tensor. */
  readonly type: string;
  /** Sizes. A size that is open is its name, or undefined without a name. */
  readonly dims: readonly (number | string | undefined)[];
}

/** Tensors by the name of the input or output. */
export type TensorMap = Readonly<Record<string, Tensor>>;

/** onnxruntime's value of an open size without a name: -1, unsigned. */
const OPEN_SIZE = 2 ** 32 - 1;

const ELEMENT_BYTES: Readonly<Partial<Record<Tensor.Type, number>>> = {
  bool: 1,
  float16: 2,
  float32: 4,
  float64: 8,
  int16: 2,
  int32: 4,
  int64: 8,
  int8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  uint8: 1,
};

/** The element types of tensors in GPU buffers. */
export type GpuTensorType = Tensor.GpuBufferDataTypes;

const GPU_TYPES: readonly string[] = [
  "float32",
  "float16",
  "int32",
  "int64",
  "uint32",
  "uint8",
  "bool",
] satisfies GpuTensorType[];

/** Whether tensors of a type may lie in GPU buffers. */
export function isGpuType(type: string): type is GpuTensorType {
  return GPU_TYPES.includes(type);
}

/** The buffer of a GPU tensor, as Deno types it. */
export function gpuBufferOf(tensor: Tensor): GPUBuffer {
  return tensor.gpuBuffer as GPUBuffer;
}

/** Bytes of a tensor's numbers; undefined for text. */
export function tensorBytes(type: Tensor.Type, dims: readonly number[]): number | undefined {
  const elementBytes = ELEMENT_BYTES[type];
  return elementBytes === undefined ? undefined : dims.reduce((a, b) => a * b, elementBytes);
}

/** From onnxruntime's description. */
export function tensorInfos(
  metadata: readonly InferenceSession.ValueMetadata[],
): readonly ModelTensorInfo[] {
  return metadata.map((value) => {
    if (!value.isTensor) return { name: value.name, type: "other", dims: [] };
    const dims = value.shape.map((size) => size === OPEN_SIZE || size === "" ? undefined : size);
    return { name: value.name, type: value.type, dims };
  });
}

/** An input or output in words, for messages: `"input" float32 [1,3,height,width]`. */
export function describeInfo({ name, type, dims }: ModelTensorInfo): string {
  return `"${name}" ${type} [${dims.map((size) => size ?? "?").join(",")}]`;
}

/**
 * Throws a {@linkcode ModelError} of code `MODEL_INPUT` when the feeds do not fit the model. It names the
 * model and the input, what came and what the model takes.
 */
export function checkFeeds(
  model: string,
  { inputs, feeds }: { inputs: readonly ModelTensorInfo[]; feeds: TensorMap },
): void {
  const takes = inputs.map(describeInfo).join(", ");
  for (const name of Object.keys(feeds)) {
    if (inputs.some((input) => input.name === name)) continue;
    refuse(model, name, `it has no input "${name}"; it takes ${takes}`);
  }
  for (const input of inputs) {
    const { name } = input;
    const tensor = feeds[name];
    if (tensor === undefined) refuse(model, name, `there is no "${name}"; it takes ${takes}`);
    const problem = misfit(tensor, input);
    if (problem !== undefined) refuse(model, name, `${problem}; it takes ${describeInfo(input)}`);
  }
}

/** What is wrong with a tensor for an input; undefined where it fits. */
function misfit(tensor: Tensor, { name, type, dims }: ModelTensorInfo): string | undefined {
  if (typeof tensor !== "object" || tensor === null || !Array.isArray(tensor.dims)) {
    return `"${name}" is no tensor`;
  }
  const got = `"${name}" is ${tensor.type} [${tensor.dims.join(",")}]`;
  const fits = tensor.type === type && tensor.dims.length === dims.length &&
    dims.every((size, at) => typeof size !== "number" || size === tensor.dims[at]);
  if (!fits) return got;
  if (tensor.location === "cpu") return undefined;
  if (tensor.location !== "gpu-buffer") {
    return `${got} in ${tensor.location}, not in CPU or GPU memory`;
  }
  const bytes = tensorBytes(tensor.type, tensor.dims) ?? 0;
  if (tensor.gpuBuffer.size >= bytes) return undefined;
  return `${got} in a GPU buffer of ${tensor.gpuBuffer.size} bytes, less than its ${bytes}`;
}

function refuse(model: string, input: string, found: string): never {
  throw new ModelError("MODEL_INPUT", `Cannot run the model ${model}: ${found}`, {
    context: { model, input },
  });
}

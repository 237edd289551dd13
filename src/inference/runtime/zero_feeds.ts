/**
 * Feeds of zeros, to warm a model up.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import { describeInfo, type ModelTensorInfo } from "./tensor_info.ts";

/**
 * One tensor of zeros (or empty text) for each input. Throws a `TypeError` where a size is neither in the
 * model nor in `dims`.
 */
export function zeroFeeds(
  model: string,
  { inputs, dims }: {
    readonly inputs: readonly ModelTensorInfo[];
    readonly dims: Readonly<Record<string, readonly number[]>>;
  },
): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((input) => {
    const sizes = dims[input.name] ?? input.dims.filter((size) => typeof size === "number");
    if (sizes.length !== input.dims.length) {
      throw new TypeError(
        `Cannot warm the model ${model} up: the sizes of ${describeInfo(input)} are open; ` +
          `give them as { ${JSON.stringify(input.name)}: [...] }`,
      );
    }
    return [input.name, zeros(input.type, sizes)];
  }));
}

function zeros(type: string, dims: readonly number[]): Tensor {
  const count = dims.reduce((a, b) => a * b, 1);
  switch (type) {
    case "float32":
      return new Tensor(type, new Float32Array(count), dims);
    case "float64":
      return new Tensor(type, new Float64Array(count), dims);
    case "float16":
    case "uint16":
      return new Tensor(type, new Uint16Array(count), dims);
    case "int16":
      return new Tensor(type, new Int16Array(count), dims);
    case "int32":
      return new Tensor(type, new Int32Array(count), dims);
    case "uint32":
      return new Tensor(type, new Uint32Array(count), dims);
    case "int64":
      return new Tensor(type, new BigInt64Array(count), dims);
    case "uint64":
      return new Tensor(type, new BigUint64Array(count), dims);
    case "int8":
      return new Tensor(type, new Int8Array(count), dims);
    case "uint8":
    case "bool":
      return new Tensor(type, new Uint8Array(count), dims);
    case "string":
      return new Tensor(type, new Array<string>(count).fill(""), dims);
    default:
      throw new TypeError(`Cannot make zeros of type ${type}: no tensor has it`);
  }
}

/**
 * Tensors on their way into a run and out of it.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import { ModelError } from "../../base/errors.ts";
import { currentGpu, type Gpu } from "../../gpu/mod.ts";
import {
  gpuBufferOf,
  type GpuTensorType,
  isGpuType,
  tensorBytes,
  type TensorMap,
} from "./tensor_info.ts";

/** Tensors of fewer bytes are neither pictures nor sound, and stay on the CPU. */
const MIN_UPLOAD_BYTES = 256;

/** An output that belongs to its session until it is disposed of. */
export interface OwnedTensor {
  /** What the caller gets. */
  readonly tensor: Tensor;
  /** Gives its buffer back, once. */
  dispose(): void;
}

/**
 * The feeds in CPU memory, for a model that runs there. Those in GPU buffers are read back from the shared
 * device, and stay as they are. Throws a {@linkcode ModelError} of code `MODEL_INPUT` when that is lost.
 */
export async function cpuFeeds(model: string, feeds: TensorMap): Promise<TensorMap> {
  const entries = Object.entries(feeds);
  if (entries.every(([, tensor]) => tensor.location === "cpu")) return feeds;
  const gpu = currentGpu();
  if (gpu === undefined) {
    throw new ModelError(
      "MODEL_INPUT",
      `Cannot run the model ${model} on the CPU: an input lies on a GPU that was lost; upload it anew`,
      { context: { model } },
    );
  }
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, tensor]) => {
      if (tensor.location === "cpu" || !isGpuType(tensor.type)) return [name, tensor];
      const data = await download(gpu, gpuBufferOf(tensor), {
        type: tensor.type,
        dims: tensor.dims,
      });
      return [name, new Tensor(tensor.type, data, tensor.dims)];
    })),
  );
}

/** Feeds of a run on the GPU. */
export interface GpuFeeds {
  readonly feeds: TensorMap;
  /** Gives the buffers back that were made for it. */
  release(): void;
}

/**
 * The feeds with their pictures and signals in GPU buffers. Where onnxruntime uploads them itself, it copies
 * them once more, and a device that is lost meanwhile makes its WebAssembly abort. Integers are sizes
 * and settings that it reads on the CPU: they stay there.
 */
export function gpuFeeds(gpu: Gpu, feeds: TensorMap): GpuFeeds {
  const buffers: GPUBuffer[] = [];
  const upload = (name: string, tensor: Tensor): Tensor => {
    const { type, dims } = tensor;
    if (tensor.location !== "cpu" || !isSignal(type)) return tensor;
    const { buffer, byteOffset, byteLength } = tensor.data as Uint8Array;
    if (byteLength < MIN_UPLOAD_BYTES) return tensor;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    const uploaded = gpu.upload(bytes, `model input ${name}`);
    buffers.push(uploaded);
    return Tensor.fromGpuBuffer(uploaded, { dataType: type, dims });
  };
  const entries = Object.entries(feeds).map(([name, tensor]) => [name, upload(name, tensor)]);
  const release = (): void => buffers.splice(0).forEach((buffer) => gpu.pool.release(buffer));
  return { feeds: Object.fromEntries(entries), release };
}

function isSignal(type: Tensor.Type): type is "float32" | "float16" | "uint8" {
  return type === "float32" || type === "float16" || type === "uint8";
}

/** An output of onnxruntime on the GPU, with its own way back to the CPU. */
export function gpuOutput(
  output: Tensor,
  gpu: Gpu,
  owner: { isAlive: () => boolean; onDispose: () => void },
): OwnedTensor {
  const { dims } = output;
  const gpuBuffer = gpuBufferOf(output);
  const dataType = output.type as GpuTensorType;
  let isDisposed = false;
  const dispose = (): void => {
    if (isDisposed) return;
    isDisposed = true;
    owner.onDispose();
    if (owner.isAlive()) output.dispose();
  };
  const tensor = Tensor.fromGpuBuffer(gpuBuffer, {
    dataType,
    dims,
    download: () => download(gpu, gpuBuffer, { type: dataType, dims }),
    dispose,
  });
  return { tensor, dispose };
}

/** Reads a tensor's numbers from its buffer. Rejects with a `GpuError` of code `GPU_LOST`. */
export async function download<Type extends GpuTensorType>(
  gpu: Gpu,
  buffer: GPUBuffer,
  { type, dims }: { readonly type: Type; readonly dims: readonly number[] },
): Promise<Tensor.DataTypeMap[Type]> {
  const bytes = await gpu.readback.read(buffer, tensorBytes(type, dims)!);
  return typedArray(type, bytes) as Tensor.DataTypeMap[Type];
}

function typedArray(type: GpuTensorType, { buffer, byteOffset, byteLength }: Uint8Array): unknown {
  switch (type) {
    case "float32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "float16":
      return new Float16Array(buffer, byteOffset, byteLength / 2);
    case "int32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "uint32":
      return new Uint32Array(buffer, byteOffset, byteLength / 4);
    case "int64":
      return new BigInt64Array(buffer, byteOffset, byteLength / 8);
    default:
      return new Uint8Array(buffer, byteOffset, byteLength);
  }
}

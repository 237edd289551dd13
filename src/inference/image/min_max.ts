/**
 * Stretches the numbers of a tensor to 0–1: the least and greatest of each frame are black and
 * white.
 *
 * @module
 */

import { Tensor } from "onnxruntime-common";
import type { Gpu } from "../../gpu/mod.ts";
import { MIN_MAX_WGSL } from "./min_max_wgsl.ts";

/** The numbers of the shader; see there. */
const SOURCE_TYPES: Readonly<Record<string, number>> = { float32: 0, float16: 1, uint8: 2 };
const WORKGROUP = 256;
const PARTIALS = 64;
const PARTIAL_BYTES = 8;
/** More than enough to fill a GPU; each thread goes on to further numbers. */
const MAX_GROUPS = 4096;

interface Pipelines {
  readonly findLimits: GPUComputePipeline;
  readonly stretch: GPUComputePipeline;
}

/** By device, then by type of the numbers. */
const pipelines = new WeakMap<Gpu, Map<string, Pipelines>>();

/**
 * A `float32` tensor of the same shape, on the same device, with the least number at 0 and the
 * greatest at 1; NaN is 0. `gpu` is that of a tensor on the GPU. The caller disposes of the result.
 */
export function stretchRange(tensor: Tensor, gpu: Gpu | undefined): Tensor {
  if (tensor.location !== "gpu-buffer") return stretchOnCpu(tensor);
  if (gpu !== undefined) return stretchOnGpu(tensor, gpu);
  throw new TypeError("Cannot stretch a tensor on the GPU: its device is missing; pass it");
}

function stretchOnCpu(tensor: Tensor): Tensor {
  const numbers = numbersOf(tensor);
  let least = Infinity;
  let greatest = -Infinity;
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at]!;
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const scale = greatest > least ? 1 / (greatest - least) : 0;
  const stretched = new Float32Array(numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at]!;
    stretched[at] = Number.isFinite(value) ? (value - least) * scale : value > 0 ? 1 : 0;
  }
  return new Tensor("float32", stretched, tensor.dims);
}

function numbersOf(tensor: Tensor): Float32Array | Float16Array | Uint8Array {
  const data = tensor.data as Float32Array | Float16Array | Uint8Array | Uint16Array;
  if (!(data instanceof Uint16Array)) return data;
  return new Float16Array(data.buffer, data.byteOffset, data.length);
}

function stretchOnGpu(tensor: Tensor, gpu: Gpu): Tensor {
  const bytes = tensor.size * 4;
  const { findLimits, stretch } = pipelinesOf(gpu, tensor.type);
  const partials = gpu.pool.allocate(PARTIALS * PARTIAL_BYTES, "min-max partials");
  const result = gpu.pool.allocate(bytes, "min-max result");
  const entries = [
    { binding: 0, resource: { buffer: tensor.gpuBuffer as GPUBuffer } },
    { binding: 1, resource: { buffer: partials, size: PARTIALS * PARTIAL_BYTES } },
    // The shader takes the count from this size: buffers may be larger than their numbers.
    { binding: 2, resource: { buffer: result, size: bytes } },
  ];
  const encoder = gpu.device.createCommandEncoder({ label: "min-max" });
  const pass = encoder.beginComputePass({ label: "min-max" });
  const run = (pipeline: GPUComputePipeline, groups: number): void => {
    const layout = pipeline.getBindGroupLayout(0);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.device.createBindGroup({ label: "min-max", layout, entries }));
    pass.dispatchWorkgroups(groups);
  };
  run(findLimits, PARTIALS);
  run(stretch, Math.min(Math.ceil(tensor.size / WORKGROUP), MAX_GROUPS));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  gpu.pool.release(partials);
  return Tensor.fromGpuBuffer(result, {
    dataType: "float32",
    dims: tensor.dims,
    dispose: () => gpu.pool.release(result),
  });
}

function pipelinesOf(gpu: Gpu, type: string): Pipelines {
  const byType = pipelines.get(gpu) ?? new Map<string, Pipelines>();
  pipelines.set(gpu, byType);
  let found = byType.get(type);
  if (found === undefined) {
    const module = gpu.device.createShaderModule({ label: "min-max", code: MIN_MAX_WGSL });
    const sourceType = SOURCE_TYPES[type];
    if (sourceType === undefined) {
      throw new TypeError(`Cannot stretch ${type}: use float32, float16 or uint8`);
    }
    const constants = { SOURCE_TYPE: sourceType };
    const create = (entryPoint: string): GPUComputePipeline =>
      gpu.device.createComputePipeline({
        label: `min-max ${entryPoint} ${type}`,
        layout: "auto",
        compute: { module, entryPoint, constants },
      });
    found = { findLimits: create("find_limits"), stretch: create("stretch") };
    byType.set(type, found);
  }
  return found;
}

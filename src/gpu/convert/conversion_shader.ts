/**
 * The shaders of conversions: put together of parts, compiled once for a device, and their parameters.
 *
 * @module
 */

import { JOB_WGSL } from "./wgsl/job.ts";
import {
  I420_BLOCKS_WGSL,
  I420_WGSL,
  RGB24_WGSL,
  RGBA_WGSL,
  TO_YUV_WGSL,
} from "./wgsl/picture_targets.ts";
import { SOURCE_PICTURE_WGSL, SOURCE_TENSOR_WGSL } from "./wgsl/sources.ts";
import { TARGET_TENSOR_WGSL } from "./wgsl/tensor_target.ts";
import type { Gpu } from "../device/gpu.ts";

/** Invocations of a workgroup. */
export const WORKGROUP_SIZE = 64;

/** Values of WGSL's `const`s, which choose the code of a pipeline. */
export type Constants = Readonly<Record<string, number | boolean>>;

/**
 * Parts of shaders. Each part does one thing: drivers also compile functions that a shader does
 * not use.
 */
const WGSL = {
  job: JOB_WGSL,
  sourcePicture: SOURCE_PICTURE_WGSL,
  sourceTensor: SOURCE_TENSOR_WGSL,
  toYuv: TO_YUV_WGSL,
  i420: I420_WGSL,
  i420Blocks: I420_BLOCKS_WGSL,
  rgb24: RGB24_WGSL,
  rgba: RGBA_WGSL,
  targetTensor: TARGET_TENSOR_WGSL,
} as const;

/** The name of a part. */
export type WgslName = keyof typeof WGSL;

/** Uniform buffers kept: streams of a few sizes and models use some dozens. */
const MAX_UNIFORMS = 256;

/** Pipelines and parameters of one device, made once. */
export class ConversionCache {
  readonly #gpu: Gpu;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #uniforms = new Map<string, GPUBuffer>();

  /** Use {@linkcode conversionCache}, which keeps one cache for each device. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** The pipeline of a shader: the job, and these parts. */
  pipeline(parts: readonly WgslName[], constants: Constants): GPUComputePipeline {
    const key = JSON.stringify([parts, constants]);
    let pipeline = this.#pipelines.get(key);
    if (pipeline === undefined) {
      const wgsl = (["job", ...parts] as const).map((part) => WGSL[part]);
      pipeline = this.#compile([constantsWgsl(constants), ...wgsl].join("\n"));
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** Parameters are written once for each content, not for each frame. */
  uniform(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const key = words.join();
    let buffer = this.#uniforms.get(key);
    // The uniform that was used last comes last.
    if (buffer !== undefined) this.#uniforms.delete(key);
    else buffer = this.#writeUniform(words);
    this.#uniforms.set(key, buffer);
    for (const oldest of this.#uniforms.keys()) {
      if (this.#uniforms.size <= MAX_UNIFORMS) break;
      // Not destroyed: a pass that uses it may not have been submitted yet.
      this.#uniforms.delete(oldest);
    }
    return buffer;
  }

  #writeUniform(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const { device } = this.#gpu;
    const buffer = device.createBuffer({
      label: "conversion parameters",
      size: words.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  #compile(code: string): GPUComputePipeline {
    const { device } = this.#gpu;
    const module = device.createShaderModule({ label: "conversion", code });
    return device.createComputePipeline({
      label: "conversion",
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
  }
}

const caches = new WeakMap<Gpu, ConversionCache>();

/** The one of a device. */
export function conversionCache(gpu: Gpu): ConversionCache {
  let cache = caches.get(gpu);
  if (cache === undefined) caches.set(gpu, cache = new ConversionCache(gpu));
  return cache;
}

function constantsWgsl(constants: Constants): string {
  const lines = Object.entries({ WORKGROUP_SIZE, ...constants }).map(([name, value]) =>
    typeof value === "boolean"
      ? `const ${name}: bool = ${value};`
      : `const ${name}: u32 = ${value}u;`
  );
  return lines.join("\n");
}

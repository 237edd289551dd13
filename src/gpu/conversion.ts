/**
 * One pass from a picture or tensor to a picture or tensor: shader text, pipelines and parameters.
 *
 * @module
 */

import { colorCoefficients, FRACTION_BITS } from "../media/color_matrix.ts";
import { pictureBytes } from "../media/picture.ts";
import type { Rect } from "../media/rect.ts";
import type { ColorInfo, PixelFormat } from "../media/types.ts";
import jobWgsl from "./convert/job.wgsl" with { type: "text" };
import sourcePictureWgsl from "./convert/source_picture.wgsl" with { type: "text" };
import sourceTensorWgsl from "./convert/source_tensor.wgsl" with { type: "text" };
import i420Wgsl from "./convert/target_i420.wgsl" with { type: "text" };
import i420BlocksWgsl from "./convert/target_i420_blocks.wgsl" with { type: "text" };
import rgb24Wgsl from "./convert/target_rgb24.wgsl" with { type: "text" };
import rgbaWgsl from "./convert/target_rgba.wgsl" with { type: "text" };
import targetTensorWgsl from "./convert/target_tensor.wgsl" with { type: "text" };
import toYuvWgsl from "./convert/to_yuv.wgsl" with { type: "text" };
import { shownPixels, type Size } from "./fit.ts";
import type { Gpu } from "./gpu.ts";
import type { GpuPicture } from "./gpu_picture.ts";
import { type GpuTensor, isInterleaved, type ResolvedSpec } from "./tensor_spec.ts";

const WORKGROUP_SIZE = 64;

/** Values of WGSL's `const`s, which choose the code of a pipeline. */
type Constants = Readonly<Record<string, number | boolean>>;

/** Values of the uniform `Job`, by name; the order of its fields is in {@linkcode JOB_LAYOUT}. */
type JobFields = Partial<Record<JobField, readonly number[]>>;

/** Parts of shaders. Each holds one way only: what a shader does not use is compiled all the same. */
const WGSL = {
  job: jobWgsl,
  sourcePicture: sourcePictureWgsl,
  sourceTensor: sourceTensorWgsl,
  toYuv: toYuvWgsl,
  i420: i420Wgsl,
  i420Blocks: i420BlocksWgsl,
  rgb24: rgb24Wgsl,
  rgba: rgbaWgsl,
  targetTensor: targetTensorWgsl,
} as const;

type WgslName = keyof typeof WGSL;

/** Where pixels come from. */
export interface ConversionSource {
  readonly buffer: GPUBuffer;
  readonly size: Size;
  /** Names of {@linkcode WGSL}. */
  readonly wgsl: readonly WgslName[];
  readonly constants: Constants;
  readonly fields: JobFields;
}

/** Where pixels go. */
export interface ConversionTarget {
  readonly size: Size;
  /** Names of {@linkcode WGSL}. */
  readonly wgsl: readonly WgslName[];
  readonly constants: Constants;
  readonly fields: JobFields;
  /** 32-bit words of the result. */
  readonly words: number;
  /** Invocations that write them. */
  readonly units: number;
}

/** A conversion, but for the buffer of its result. */
export interface ConversionJob {
  readonly source: ConversionSource;
  readonly target: ConversionTarget;
  /** The part of the source that is shown. */
  readonly crop: Rect;
  /** The part of the target that it fills. */
  readonly inner: Rect;
  readonly background: readonly number[];
}

const FORMATS = { i420: 0, rgb24: 1, rgba: 2 } as const;
const DTYPES = { uint8: 0, float16: 1, float32: 2 } as const;
const PER_WORD = { uint8: 4, float16: 2, float32: 1 } as const;

/** A picture as a source. */
export function pictureSource(picture: GpuPicture): ConversionSource {
  const { buffer, pixelFormat, width, height, color } = picture;
  const bytes = pictureBytes(pixelFormat, width, height);
  checkSourceBuffer(buffer, bytes, `a ${width}x${height} ${pixelFormat} picture`);
  const c = floatCoefficients(color);
  return {
    buffer,
    size: { width, height },
    wgsl: ["sourcePicture"],
    constants: { SOURCE_FORMAT: FORMATS[pixelFormat] },
    fields: { yuv: [c.yGain, c.vToR, c.uToG, c.vToG], yuv_more: [c.uToB, c.yOffset, 0, 0] },
  };
}

/** A tensor as a source. */
export function tensorSource(tensor: GpuTensor, spec: ResolvedSpec, size: Size): ConversionSource {
  const count = size.width * size.height * spec.channels;
  const what = `a ${tensor.dtype} tensor of shape [${tensor.dims.join(",")}]`;
  checkSourceBuffer(tensor.buffer, count * 4 / PER_WORD[tensor.dtype], what);
  return {
    buffer: tensor.buffer,
    size,
    wgsl: ["sourceTensor"],
    constants: {
      SOURCE_DTYPE: DTYPES[tensor.dtype],
      SOURCE_CHANNELS: spec.channels,
      SOURCE_INTERLEAVED: isInterleaved(spec.layout),
      SOURCE_BGR: spec.channelOrder === "bgr",
    },
    fields: {
      in_scale: four(spec.scale.map((scale) => 1 / scale)),
      in_bias: four(spec.bias.map((bias, c) => -bias / spec.scale[c]!)),
    },
  };
}

/** A picture as a target. */
export function pictureTarget(
  pixelFormat: PixelFormat,
  size: Size,
  color: ColorInfo,
): ConversionTarget {
  const words = Math.ceil(pictureBytes(pixelFormat, size.width, size.height) / 4);
  const c = floatCoefficients(color);
  return {
    size,
    ...pictureWriter(pixelFormat, size, words),
    constants: {},
    fields: {
      to_y: [c.rToY, c.gToY, c.bToY, c.yOffset],
      to_u: [c.rToU, c.gToU, c.bToU, 128],
      to_v: [c.rToV, c.gToV, c.bToV, 128],
    },
    words,
  };
}

function pictureWriter(
  pixelFormat: PixelFormat,
  { width, height }: Size,
  words: number,
): Pick<ConversionTarget, "wgsl" | "units"> {
  if (pixelFormat === "rgba") return { wgsl: ["rgba"], units: words };
  if (pixelFormat === "rgb24") return { wgsl: ["rgb24"], units: Math.ceil(width * height / 4) };
  const inBlocks = width % 8 === 0 && height % 2 === 0;
  return inBlocks
    ? { wgsl: ["toYuv", "i420Blocks"], units: width * height / 16 }
    : { wgsl: ["toYuv", "i420"], units: words };
}

/** A tensor as a target. */
export function tensorTarget(spec: ResolvedSpec, size: Size, color: ColorInfo): ConversionTarget {
  const pixels = size.width * size.height;
  const perWord = PER_WORD[spec.dtype];
  const words = Math.ceil(pixels * spec.channels / perWord);
  const interleaved = isInterleaved(spec.layout);
  const inGroups = interleaved || pixels % perWord === 0;
  const grey = floatCoefficients({ matrix: color.matrix, fullRange: true });
  return {
    size,
    wgsl: ["targetTensor"],
    constants: {
      PER_WORD: perWord,
      PIXEL_GROUPS: inGroups,
      TARGET_CHANNELS: spec.channels,
      TARGET_INTERLEAVED: interleaved,
      TARGET_BGR: spec.channelOrder === "bgr",
    },
    fields: {
      grey: [grey.rToY, grey.gToY, grey.bToY, 0],
      out_scale: four(spec.scale),
      out_bias: four(spec.bias),
    },
    words,
    units: inGroups ? Math.ceil(pixels / perWord) : words,
  };
}

/** Records the pass. */
export function runConversion(
  gpu: Gpu,
  encoder: GPUCommandEncoder,
  job: ConversionJob & { readonly buffer: GPUBuffer },
): void {
  const { source, target, crop, inner } = job;
  const isWhole = Number.isInteger(crop.x) && Number.isInteger(crop.y) &&
    crop.width === target.size.width && crop.height === target.size.height &&
    inner.width === target.size.width && inner.height === target.size.height;
  const cache = cacheOf(gpu);
  const pipeline = cache.pipeline({ source, target, isSameSize: isWhole });
  const bindings = [source.buffer, job.buffer, cache.uniform(jobWords(job))];
  const pass = encoder.beginComputePass({ label: "conversion" });
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    gpu.device.createBindGroup({
      label: "conversion",
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((buffer, binding) => ({ binding, resource: { buffer } })),
    }),
  );
  pass.dispatchWorkgroups(...workgroups(gpu, target.units));
  pass.end();
}

/** As a grid: a dimension takes 65,535 groups at least, and the largest buffer fills a few rows of them. */
function workgroups(gpu: Gpu, units: number): [number, number] {
  const groups = Math.ceil(units / WORKGROUP_SIZE);
  const rows = Math.ceil(groups / gpu.device.limits.maxComputeWorkgroupsPerDimension);
  return [Math.ceil(groups / rows), rows];
}

/** Fields of `Job` in their order, and how many words each takes; its WGSL alignment needs no gaps. */
const JOB_LAYOUT = {
  source_size: 2,
  target_size: 2,
  origin: 2,
  step: 2,
  first: 2,
  last: 2,
  inner_min: 2,
  inner_max: 2,
  background: 4,
  yuv: 4,
  yuv_more: 4,
  to_y: 4,
  to_u: 4,
  to_v: 4,
  grey: 4,
  in_scale: 4,
  in_bias: 4,
  out_scale: 4,
  out_bias: 4,
  counts: 4,
} as const;

type JobField = keyof typeof JOB_LAYOUT;

/** Those that are not `f32`. */
const INTEGER_FIELDS: ReadonlySet<string> = new Set(
  ["source_size", "target_size", "first", "last", "inner_min", "inner_max", "counts"],
);

function jobWords(
  { source, target, crop, inner, background }: ConversionJob,
): Uint32Array<ArrayBuffer> {
  const [stepX, stepY] = [crop.width / inner.width, crop.height / inner.height];
  const columns = shownPixels({ start: crop.x, length: crop.width }, source.size.width);
  const rows = shownPixels({ start: crop.y, length: crop.height }, source.size.height);
  const fields: JobFields = {
    ...source.fields,
    ...target.fields,
    source_size: sides(source.size),
    target_size: sides(target.size),
    origin: [crop.x - inner.x * stepX, crop.y - inner.y * stepY],
    step: [stepX, stepY],
    first: [columns.first, rows.first],
    last: [columns.end - 1, rows.end - 1],
    inner_min: [inner.x, inner.y],
    inner_max: [inner.x + inner.width, inner.y + inner.height],
    background: [...background.slice(0, 3), 255],
    counts: [target.units, target.words, 0, 0],
  };
  const total = Object.values(JOB_LAYOUT).reduce((sum, count) => sum + count, 0);
  const words = new Uint32Array(total);
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const [name, count] of Object.entries(JOB_LAYOUT)) {
    const into = INTEGER_FIELDS.has(name) ? words : floats;
    into.set(fields[name as JobField] ?? [], at);
    at += count;
  }
  return words;
}

function sides({ width, height }: Size): [number, number] {
  return [width, height];
}

function four(values: readonly number[]): number[] {
  return Array.from({ length: 4 }, (_, i) => values[i] ?? 0);
}

/** Throws a `RangeError` where a buffer has not all the words of what is said to be in it. */
function checkSourceBuffer(buffer: GPUBuffer, bytes: number, what: string): void {
  const size = Math.ceil(bytes / 4) * 4;
  if (buffer.size >= size) return;
  throw new RangeError(
    `Cannot read ${what} from a buffer of ${buffer.size} bytes: it takes ${size}`,
  );
}

type FloatCoefficients = ReturnType<typeof colorCoefficients>;

/** The CPU's coefficients, so that both ways mean the same numbers. */
function floatCoefficients(color: ColorInfo): FloatCoefficients {
  const fixed = colorCoefficients(color);
  const entries = Object.entries(fixed).map(([name, value]) =>
    [name, name === "yOffset" ? value : value / 2 ** FRACTION_BITS] as const
  );
  return Object.fromEntries(entries) as unknown as FloatCoefficients;
}

/** Uniform buffers kept: streams of a few sizes and models use some dozens. */
const MAX_UNIFORMS = 256;

/** Pipelines and parameters of one device, made once. */
class ConversionCache {
  readonly #gpu: Gpu;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #uniforms = new Map<string, GPUBuffer>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  pipeline(
    { source, target, isSameSize }: {
      readonly source: ConversionSource;
      readonly target: ConversionTarget;
      readonly isSameSize: boolean;
    },
  ): GPUComputePipeline {
    const constants = { ...source.constants, ...target.constants, SAME_SIZE: isSameSize };
    const parts: WgslName[] = ["job", ...source.wgsl, ...target.wgsl];
    const key = JSON.stringify([parts, constants]);
    let pipeline = this.#pipelines.get(key);
    if (pipeline === undefined) {
      const wgsl = parts.map((part) => WGSL[part]);
      pipeline = this.#compile([constantsWgsl(constants), ...wgsl].join("\n"));
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  /** Parameters are written once for each content, not for each frame. */
  uniform(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const key = words.join();
    let buffer = this.#uniforms.get(key);
    // The one used last comes last.
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

function cacheOf(gpu: Gpu): ConversionCache {
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

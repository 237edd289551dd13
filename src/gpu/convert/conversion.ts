/**
 * One pass from a picture or tensor to a picture or tensor: where from, where to, and the pass itself.
 *
 * @module
 */

import { colorCoefficients, FRACTION_BITS } from "../../media/color_matrix.ts";
import { pictureBytes } from "../../media/picture.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import {
  type ConversionJob,
  type ConversionSource,
  type ConversionTarget,
  jobWords,
} from "./conversion_job.ts";
import { conversionCache, WORKGROUP_SIZE } from "./conversion_shader.ts";
import type { Size } from "../../media/rect.ts";
import type { Gpu } from "../device/gpu.ts";
import { describeGpuTensor, type GpuPicture, type GpuTensor } from "./gpu_picture.ts";
import { isInterleaved, type ResolvedSpec } from "./tensor_spec.ts";

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
  checkSourceBuffer(
    tensor.buffer,
    count * 4 / PER_WORD[tensor.dtype],
    describeGpuTensor(tensor),
  );
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
  const cache = conversionCache(gpu);
  const pipeline = cache.pipeline([...source.wgsl, ...target.wgsl], {
    ...source.constants,
    ...target.constants,
    SAME_SIZE: isWhole,
  });
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

/**
 * As a grid: a dimension takes at least 65,535 groups, and the largest buffer fills a few rows of
 * them.
 */
function workgroups(gpu: Gpu, units: number): [number, number] {
  const groups = Math.ceil(units / WORKGROUP_SIZE);
  const rows = Math.ceil(groups / gpu.device.limits.maxComputeWorkgroupsPerDimension);
  return [Math.ceil(groups / rows), rows];
}

function four(values: readonly number[]): number[] {
  return Array.from({ length: 4 }, (_, i) => values[i] ?? 0);
}

/** Throws a `RangeError` when a buffer is too small for what it is said to hold. */
function checkSourceBuffer(buffer: GPUBuffer, bytes: number, what: string): void {
  const size = Math.ceil(bytes / 4) * 4;
  if (buffer.size >= size) return;
  throw new RangeError(
    `Cannot read ${what} from a buffer of ${buffer.size} bytes: it takes ${size}`,
  );
}

type FloatCoefficients = ReturnType<typeof colorCoefficients>;

/** The CPU's coefficients, so that CPU and GPU compute the same numbers. */
function floatCoefficients(color: ColorInfo): FloatCoefficients {
  const fixed = colorCoefficients(color);
  const entries = Object.entries(fixed).map(([name, value]) =>
    [name, name === "yOffset" ? value : value / 2 ** FRACTION_BITS] as const
  );
  return Object.fromEntries(entries) as unknown as FloatCoefficients;
}

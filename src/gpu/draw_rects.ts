/**
 * Drawing on pictures on the GPU: rectangles of one colour, thousands of them in a pass.
 *
 * @module
 */

import DRAW_RECTS_WGSL from "./draw_rects.wgsl" with { type: "text" };
import type { Gpu } from "./gpu.ts";
import type { GpuPicture } from "./gpu_picture.ts";
import { passLayout, runPass } from "./picture_pass.ts";
import { batchRects, type GpuRect, type RectBatch } from "./rect_tiles.ts";
import { UniformRing } from "./uniform_ring.ts";

const LABEL = "draw rects";

/** Workgroups in a row of the dispatch, as in draw_rects.wgsl. */
const DISPATCH_WIDTH = 32_768;

/** The fewest bytes of a buffer of commands; larger ones are powers of two, to be used again. */
const MIN_COMMAND_BYTES = 4096;

/**
 * Draws rectangles on an `rgba` picture in place, in their order, each over what is there, and
 * submits that. Edges are rounded to whole pixels; what lies outside is cut off. Throws a
 * `TypeError` for a picture of another format, a `RangeError` for a place or colour that is none, a
 * `GpuError` as the pool's `allocate` does.
 */
export function drawRects(gpu: Gpu, picture: GpuPicture, rects: readonly GpuRect[]): void {
  gpu.assertUsable();
  if (picture.pixelFormat !== "rgba") {
    throw new TypeError(`Cannot draw on a ${picture.pixelFormat} picture: convert it to rgba`);
  }
  for (const batch of batchRects(rects, picture)) drawBatch(gpu, picture, batch);
}

function drawBatch(gpu: Gpu, picture: GpuPicture, batch: RectBatch): void {
  const { device, pool } = gpu;
  const { words, tileCount, tilesStart, listsStart } = batch;
  const bytes = Math.max(MIN_COMMAND_BYTES, 2 ** Math.ceil(Math.log2(words.byteLength)));
  const commands = pool.allocate(bytes, LABEL);
  device.queue.writeBuffer(commands, 0, words);
  const { width, height } = picture;
  const uniforms = new Uint32Array([width, height, tileCount, tilesStart, listsStart, 0, 0, 0]);
  runPass(gpu, pipelineOf(gpu), {
    label: LABEL,
    uniformOffset: UniformRing.of(gpu).write(uniforms.buffer),
    source: commands,
    target: picture.buffer,
    workgroups: [Math.min(tileCount, DISPATCH_WIDTH), Math.ceil(tileCount / DISPATCH_WIDTH)],
  });
  // What is written into it next comes after this pass in the queue.
  pool.release(commands);
}

const PIPELINES = new WeakMap<Gpu, GPUComputePipeline>();

function pipelineOf(gpu: Gpu): GPUComputePipeline {
  let pipeline = PIPELINES.get(gpu);
  if (pipeline === undefined) {
    const { device } = gpu;
    pipeline = device.createComputePipeline({
      label: LABEL,
      layout: passLayout(device, LABEL),
      compute: { module: device.createShaderModule({ label: LABEL, code: DRAW_RECTS_WGSL }) },
    });
    PIPELINES.set(gpu, pipeline);
  }
  return pipeline;
}

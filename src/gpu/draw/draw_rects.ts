/**
 * Drawing on pictures on the GPU: rectangles of one colour, thousands of them in a pass.
 *
 * @module
 */

import type { FilledRect } from "../../media/rect.ts";
import type { Gpu } from "../device/gpu.ts";
import type { GpuPicture } from "../convert/gpu_picture.ts";
import { passLayout, runPass, UniformRing } from "../shader/picture_pass.ts";
import { batchRects, type RectBatch, TILE } from "./rect_tiles.ts";
import { wgsl } from "../shader/wgsl.ts";

const LABEL = "draw rects";

/** Workgroups in a row of the dispatch, of which one dimension has at most 65,535. */
const DISPATCH_WIDTH = 32_768;

/** The fewest bytes of a buffer of commands; larger ones are powers of two, to be used again. */
const MIN_COMMAND_BYTES = 4096;

/**
 * Fills rectangles of one colour on an rgba picture, in place: source-over of straight alpha, in
 * their order, in integers and rounded once a rectangle. src/frames/draw/blend.ts computes the same.
 *
 * Picture: one word a pixel, red in the lowest byte, then green, blue and alpha, 0-255; rows
 * without gaps. Commands, in words: three a rectangle (x and y of its left top corner in the low
 * and high half, those of the right bottom one, its colour as a pixel); from tiles_start three a
 * tile (its column and row of tiles, as before, where its list starts, how many it has); from
 * lists_start the lists of indexes of rectangles. Each workgroup is one tile, each invocation one
 * pixel.
 */
const DRAW_RECTS_WGSL: string = wgsl`
struct Drawing {
  size: vec2u,
  tile_count: u32,
  tiles_start: u32,
  lists_start: u32,
}

const TILE = ${TILE}u;
const DISPATCH_WIDTH = ${DISPATCH_WIDTH}u;

@group(0) @binding(0) var<uniform> drawing: Drawing;
@group(0) @binding(1) var<storage, read> commands: array<u32>;
@group(0) @binding(2) var<storage, read_write> picture: array<u32>;

fn halves(word: u32) -> vec2u {
  return vec2u(word & 0xffffu, word >> 16u);
}

fn unpack(word: u32) -> vec4u {
  return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
}

// The colour's alpha is not 0.
fn over(color: vec4u, below: vec4u) -> vec4u {
  let above = color.a * 255u;
  let under = below.a * (255u - color.a);
  let sum = above + under;
  let mixed = (color.rgb * above + below.rgb * under + (sum >> 1u)) / sum;
  return vec4u(mixed, (sum + 127u) / 255u);
}

@compute @workgroup_size(TILE, TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let tile = group.y * DISPATCH_WIDTH + group.x;
  if (tile >= drawing.tile_count) {
    return;
  }
  let record = drawing.tiles_start + tile * 3u;
  let at = halves(commands[record]) * TILE + local.xy;
  if (any(at >= drawing.size)) {
    return;
  }
  let index = at.y * drawing.size.x + at.x;
  let first = drawing.lists_start + commands[record + 1u];
  let end = first + commands[record + 2u];
  var color = unpack(picture[index]);
  for (var item = first; item < end; item++) {
    let rect = commands[item] * 3u;
    let left_top = halves(commands[rect]);
    let right_bottom = halves(commands[rect + 1u]);
    if (all(at >= left_top) && all(at < right_bottom)) {
      color = over(unpack(commands[rect + 2u]), color);
    }
  }
  picture[index] = color.r | (color.g << 8u) | (color.b << 16u) | (color.a << 24u);
}
`;

/**
 * Draws rectangles on an `rgba` picture in place, in their order, each over what is there, and
 * submits that. Edges are rounded to whole pixels; what lies outside is cut off. Throws a
 * `TypeError` for a picture of another format, a `RangeError` for a place or colour that is not valid, and
 * a `GpuError` as the pool's `allocate` does.
 */
export function drawRects(gpu: Gpu, picture: GpuPicture, rects: readonly FilledRect[]): void {
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

/**
 * What every conversion shader shares.
 *
 * @module
 */

import { wgsl } from "../../shader/wgsl.ts";

/**
 * What every conversion shares: bindings, parameters, and the sampling of the source.
 *
 * Buffers are u32 words, little-endian: byte i is bits 8*(i%4) of word i/4. A pixel is vec4f(r, g, b, a),
 * 0-255. The CPU twin is src/frames/convert/image_tensor.ts.
 *
 * Constants are prepended: SAME_SIZE (no scaling, no bars), and those of source and target.
 */
export const JOB_WGSL: string = wgsl`
struct Job {
  source_size: vec2u,
  target_size: vec2u,
  // Source position of a target position: origin + (target + 0.5) * step - 0.5, both at pixel centres.
  origin: vec2f,
  step: vec2f,
  // The part of the source that may be read: first and last pixel.
  first: vec2i,
  last: vec2i,
  // The part of the target that the source fills; the background is around it.
  inner_min: vec2u,
  inner_max: vec2u,
  background: vec4f,
  // r = gain*(y-offset) + v_to_r*v, g = ... + u_to_g*u + v_to_g*v, b = ... + u_to_b*u; u and v less 128.
  yuv: vec4f,      // gain, v_to_r, u_to_g, v_to_g
  yuv_more: vec4f, // u_to_b, y offset
  // A row each for y, u and v: r, g, b, offset.
  to_y: vec4f,
  to_u: vec4f,
  to_v: vec4f,
  // Full-range weights of grey.
  grey: vec4f,
  // pixel = number * scale + bias, of a source tensor's channels in its own order.
  in_scale: vec4f,
  in_bias: vec4f,
  // number = pixel * scale + bias, of a target tensor's.
  out_scale: vec4f,
  out_bias: vec4f,
  // Invocations with work; words of the target.
  units: u32,
  words: u32,
}

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> target_words: array<u32>;
@group(0) @binding(2) var<uniform> job: Job;

fn source_byte(index: u32) -> f32 {
  return f32((source[index >> 2u] >> ((index & 3u) * 8u)) & 255u);
}

// Rounds half up and clamps to a byte; NaN is 0, as no comparison with it holds.
fn to_byte(value: f32) -> u32 {
  if (value >= 254.5) { return 255u; }
  if (value > 0.0) { return u32(value + 0.5); }
  return 0u;
}

fn to_bytes(value: vec4f) -> vec4u {
  return vec4u(to_byte(value.x), to_byte(value.y), to_byte(value.z), to_byte(value.w));
}

fn pack_bytes(bytes: vec4u) -> u32 {
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

fn tap(x: i32, y: i32) -> vec4f {
  return load(clamp(vec2i(x, y), job.first, job.last));
}

// As the CPU computes it, which mix() need not.
fn between(low: vec4f, high: vec4f, part: f32) -> vec4f {
  return low + (high - low) * part;
}

// The pixel of the target: bilinear in the source, clamped at the edges of what is shown of it.
fn pixel_at(x: u32, y: u32) -> vec4f {
  if (SAME_SIZE) {
    return load(vec2i(i32(x), i32(y)) + job.first);
  }
  if (any(vec2u(x, y) < job.inner_min) || any(vec2u(x, y) >= job.inner_max)) {
    return job.background;
  }
  let position = job.origin + (vec2f(f32(x), f32(y)) + 0.5) * job.step - 0.5;
  let whole = floor(position);
  let part = position - whole;
  let corner = vec2i(whole);
  let above = between(tap(corner.x, corner.y), tap(corner.x + 1, corner.y), part.x);
  let below = between(tap(corner.x, corner.y + 1), tap(corner.x + 1, corner.y + 1), part.x);
  return between(above, below, part.y);
}

// The pixel that has this place in the order of rows; the last one stands for those after the end.
fn pixel_in_order(index: u32) -> vec4f {
  let within = min(index, job.target_size.x * job.target_size.y - 1u);
  return pixel_at(within % job.target_size.x, within / job.target_size.x);
}

// Invocations are counted through a grid that is two-dimensional only because a dimension has a limit.
fn invocation(id: vec3u, groups: vec3u) -> u32 {
  return id.y * groups.x * WORKGROUP_SIZE + id.x;
}
`;

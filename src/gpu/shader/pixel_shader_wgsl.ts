/**
 * The code that stands after the code of a pixel shader.
 *
 * @module
 */

import { wgsl } from "./wgsl.ts";

/**
 * Pixels of packed pictures, as 8-bit numbers.
 *
 * Byte layout, from the buffer's start and without gaps: i420 has width x height bytes of Y, then
 * U, then V, each of ceil(width / 2) x ceil(height / 2); rgb24 has 3 bytes a pixel, rgba 4. Chroma
 * is repeated over the pixels that it stands for. Matrix and range: those of the coefficients, 16
 * fractional bits each; src/media/color_matrix.ts makes them. The arithmetic is that of
 * src/frames/convert/convert.ts, in the same integers.
 */
export const PIXELS_WGSL: string = wgsl`
const RUNNEL_I420 = 0u;
const RUNNEL_RGB24 = 1u;
const RUNNEL_RGBA = 2u;

struct RunnelPicture {
  size: vec2u,
  format: u32,
  // yOffset, yGain, vToR, uToG
  luma: vec4i,
  // vToG, uToB
  chroma: vec4i,
}

fn runnel_byte(index: u32) -> i32 {
  return i32(extractBits(runnel_source[index >> 2u], (index & 3u) * 8u, 8u));
}

// Red, green, blue and alpha, 0-255, of a pixel inside of the picture.
fn runnel_pixel(picture: RunnelPicture, at: vec2u) -> vec4u {
  let index = at.y * picture.size.x + at.x;
  switch picture.format {
    case RUNNEL_RGBA: {
      return (vec4u(runnel_source[index]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
    }
    case RUNNEL_RGB24: {
      let first = index * 3u;
      let rgb = vec3i(runnel_byte(first), runnel_byte(first + 1u), runnel_byte(first + 2u));
      return vec4u(vec3u(rgb), 255u);
    }
    default: {
      return runnel_yuv_pixel(picture, at, index);
    }
  }
}

fn runnel_yuv_pixel(picture: RunnelPicture, at: vec2u, index: u32) -> vec4u {
  let chroma_size = (picture.size + 1u) >> vec2u(1u);
  let u_index = picture.size.x * picture.size.y + (at.y >> 1u) * chroma_size.x + (at.x >> 1u);
  let v_index = u_index + chroma_size.x * chroma_size.y;
  let y = (runnel_byte(index) - picture.luma.x) * picture.luma.y + (1 << 15u);
  let u = runnel_byte(u_index) - 128;
  let v = runnel_byte(v_index) - 128;
  let red = y + picture.luma.z * v;
  let green = y + picture.luma.w * u + picture.chroma.x * v;
  let blue = y + picture.chroma.y * u;
  let rgb = vec3i(red, green, blue) >> vec3u(16u);
  return vec4u(vec3u(clamp(rgb, vec3i(0), vec3i(255))), 255u);
}
`;

/**
 * One pass over a picture with the user's fn process(pixel, position, params), whose code stands
 * above this, as do struct Params and the reading of pixels (`PIXELS_WGSL`).
 *
 * In: i420, rgb24 or rgba, 8 bits; i420 by the matrix and range in the uniforms. Out: rgba, 8 bits,
 * one word a pixel, rounded half up and clamped; NaN is 0. Each invocation is one pixel.
 */
export const PIXEL_SHADER_WGSL: string = wgsl`
// What the user's code may read: width and height in pixels, the time in seconds.
struct Frame {
  size: vec2f,
  time: f32,
}

struct RunnelUniforms {
  picture: RunnelPicture,
  // In a vec4: what follows starts at a multiple of 16 in any case.
  time: vec4f,
  @align(16) params: Params,
}

@group(0) @binding(0) var<uniform> runnel_uniforms: RunnelUniforms;
@group(0) @binding(1) var<storage, read> runnel_source: array<u32>;
@group(0) @binding(2) var<storage, read_write> runnel_target: array<u32>;

var<private> frame: Frame;

// The pixel in this column and row, 0-1; beyond the picture that of the nearest edge.
fn load(at: vec2i) -> vec4f {
  let last = vec2i(runnel_uniforms.picture.size) - 1;
  let inside = vec2u(clamp(at, vec2i(0), last));
  return vec4f(runnel_pixel(runnel_uniforms.picture, inside)) / 255.0;
}

// Between pixels, bilinear, 0-1; pixel centres are at .5, as position is.
fn sample(position: vec2f) -> vec4f {
  let at = clamp(position, vec2f(-1.0), frame.size + 1.0) - 0.5;
  let first = vec2i(floor(at));
  let part = at - floor(at);
  let top = mix(load(first), load(first + vec2i(1, 0)), part.x);
  let bottom = mix(load(first + vec2i(0, 1)), load(first + vec2i(1, 1)), part.x);
  return mix(top, bottom, part.y);
}

// A function of its own, so that a process() of another type is an error here.
fn runnel_process(pixel: vec4f, position: vec2f) -> vec4f {
  return process(pixel, position, runnel_uniforms.params);
}

fn runnel_bytes(color: vec4f) -> u32 {
  let is_nan = (bitcast<vec4u>(color) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
  let known = clamp(select(color, vec4f(0.0), is_nan), vec4f(0.0), vec4f(1.0));
  let bytes = vec4u(known * 255.0 + 0.5);
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

@compute @workgroup_size(16, 16)
fn runnel_main(@builtin(global_invocation_id) id: vec3u) {
  let size = runnel_uniforms.picture.size;
  if (id.x >= size.x || id.y >= size.y) {
    return;
  }
  frame = Frame(vec2f(size), runnel_uniforms.time.x);
  let color = runnel_process(load(vec2i(id.xy)), vec2f(id.xy) + 0.5);
  runnel_target[id.y * size.x + id.x] = runnel_bytes(color);
}
`;

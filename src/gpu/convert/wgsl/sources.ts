/**
 * What conversion shaders read: pictures and tensors.
 *
 * @module
 */

import { wgsl } from "../../shader/wgsl.ts";

/**
 * A picture as the source. SOURCE_FORMAT 0: I420, planes Y (width*height bytes), U and V (each
 * ceil(width/2)*ceil(height/2)); 1: RGB, 3 bytes a pixel; 2: RGBA, one word a pixel.
 */
export const SOURCE_PICTURE_WGSL: string = wgsl`
fn load(position: vec2i) -> vec4f {
  let x = u32(position.x);
  let y = u32(position.y);
  let index = y * job.source_size.x + x;
  if (SOURCE_FORMAT == 2u) {
    let word = source[index];
    return vec4f(
      f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u), f32(word >> 24u));
  }
  if (SOURCE_FORMAT == 1u) {
    return vec4f(
      source_byte(index * 3u), source_byte(index * 3u + 1u), source_byte(index * 3u + 2u), 255.0);
  }
  let luma_size = job.source_size.x * job.source_size.y;
  let chroma_size = (job.source_size + 1u) / 2u;
  let chroma_index = luma_size + (y / 2u) * chroma_size.x + x / 2u;
  let u = source_byte(chroma_index) - 128.0;
  let v = source_byte(chroma_index + chroma_size.x * chroma_size.y) - 128.0;
  let luma = (source_byte(index) - job.yuv_more.y) * job.yuv.x;
  let rgb = vec3f(
    luma + job.yuv.y * v,
    luma + job.yuv.z * u + job.yuv.w * v,
    luma + job.yuv_more.x * u);
  // A picture's pixel is whole numbers, whatever becomes of it.
  return vec4f(floor(clamp(rgb, vec3f(0.0), vec3f(255.0)) + 0.5), 255.0);
}
`;

/**
 * A tensor as the source. SOURCE_DTYPE 0: bytes, 1: f16, two a word, 2: f32. SOURCE_CHANNELS numbers a
 * pixel, together (SOURCE_INTERLEAVED) or in a plane each; blue first if SOURCE_BGR.
 * Numbers beyond those of pixels are the nearest pixel's, NaN is 0.
 */
export const SOURCE_TENSOR_WGSL: string = wgsl`
fn number(index: u32) -> f32 {
  if (SOURCE_DTYPE == 2u) { return bitcast<f32>(source[index]); }
  if (SOURCE_DTYPE == 1u) { return unpack2x16float(source[index >> 1u])[index & 1u]; }
  return source_byte(index);
}

fn channel(pixel: u32, at: u32) -> f32 {
  var index = pixel * SOURCE_CHANNELS + at;
  if (!SOURCE_INTERLEAVED) { index = at * job.source_size.x * job.source_size.y + pixel; }
  let value = number(index) * job.in_scale[at] + job.in_bias[at];
  // Before any mixing, which would spread NaN and infinities. No comparison with NaN holds.
  if (value >= 255.0) { return 255.0; }
  if (value > 0.0) { return value; }
  return 0.0;
}

fn load(position: vec2i) -> vec4f {
  let pixel = u32(position.y) * job.source_size.x + u32(position.x);
  if (SOURCE_CHANNELS == 1u) { return vec4f(vec3f(channel(pixel, 0u)), 255.0); }
  var rgba = vec4f(channel(pixel, 0u), channel(pixel, 1u), channel(pixel, 2u), 255.0);
  if (SOURCE_CHANNELS == 4u) { rgba.w = channel(pixel, 3u); }
  if (SOURCE_BGR) { return rgba.zyxw; }
  return rgba;
}
`;

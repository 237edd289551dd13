/**
 * The pictures that conversion shaders write.
 *
 * @module
 */

import { wgsl } from "../../shader/wgsl.ts";

/**
 * A picture of RGBA as the target: an invocation makes one pixel, which is one word.
 */
export const RGBA_WGSL: string = wgsl`
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  target_words[unit] = pack_bytes(to_bytes(pixel_in_order(unit)));
}
`;

/**
 * A picture of RGB as the target, 3 bytes a pixel: an invocation makes four pixels, which are three words.
 */
export const RGB24_WGSL: string = wgsl`
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  var pixels: array<vec4u, 4>;
  for (var at = 0u; at < 4u; at++) {
    pixels[at] = to_bytes(pixel_in_order(unit * 4u + at));
  }
  let word = unit * 3u;
  target_words[word] = pack_bytes(vec4u(pixels[0].xyz, pixels[1].x));
  if (word + 1u < job.words) {
    target_words[word + 1u] = pack_bytes(vec4u(pixels[1].yz, pixels[2].xy));
  }
  if (word + 2u < job.words) {
    target_words[word + 2u] = pack_bytes(vec4u(pixels[2].z, pixels[3].xyz));
  }
}
`;

/**
 * From RGB to the bytes of YUV: what both targets of I420 share.
 */
export const TO_YUV_WGSL: string = wgsl`
// The pixels of a picture are whole numbers, so YUV is made of those.
fn whole(x: u32, y: u32) -> vec3f {
  return vec3f(to_bytes(pixel_at(x, y)).xyz);
}

// A byte of the plane whose row of the matrix is given.
fn yuv_byte(row: vec4f, rgb: vec3f) -> u32 {
  return to_byte(dot(row.xyz, rgb) + row.w);
}
`;

/**
 * A picture of I420 of any size as the target: planes Y (width*height bytes), U and V (each
 * ceil(width/2)*ceil(height/2)). An invocation owns one word, so that no two write to one: four bytes of
 * whichever plane or planes lie there. Chroma is that of the average of the 2x2 pixels it stands for; those
 * beyond an edge are the ones at it.
 *
 * Everything goes through one place that samples: compilers copy all of it to every such place.
 */
export const I420_WGSL: string = wgsl`
fn byte_at(index: u32) -> u32 {
  let count = job.target_size.x * job.target_size.y;
  var row = job.to_y;
  var corner = vec2u(index % job.target_size.x, index / job.target_size.x);
  var samples = 1u;
  if (index >= count) {
    let size = (job.target_size + 1u) / 2u;
    let chroma_count = size.x * size.y;
    var place = index - count;
    row = job.to_u;
    if (place >= chroma_count) {
      row = job.to_v;
      // The bytes that fill up the last word have no place: theirs is the last one.
      place = min(place - chroma_count, chroma_count - 1u);
    }
    corner = vec2u(place % size.x, place / size.x) * 2u;
    samples = 4u;
  }
  var sum = vec3f();
  for (var at = 0u; at < samples; at++) {
    let pixel = min(corner + vec2u(at & 1u, at >> 1u), job.target_size - 1u);
    sum += whole(pixel.x, pixel.y);
  }
  return yuv_byte(row, sum / f32(samples));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  var word = 0u;
  for (var at = 0u; at < 4u; at++) {
    word |= byte_at(unit * 4u + at) << (at * 8u);
  }
  target_words[unit] = word;
}
`;

/**
 * A picture of I420 as the target, where its width is a multiple of 8 and its height even, so that no word
 * is of two rows or planes. An invocation makes a block of 8x2 pixels, each sampled once: two words of
 * luma in each of two rows, and one of either chroma. Planes as in `I420_WGSL`.
 */
export const I420_BLOCKS_WGSL: string = wgsl`
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  let row_blocks = job.target_size.x / 8u;
  let x = (unit % row_blocks) * 8u;
  let y = (unit / row_blocks) * 2u;
  // Left and right of the upper row, then of the lower one.
  var luma = vec4u();
  var u = 0u;
  var v = 0u;
  for (var pair = 0u; pair < 4u; pair++) {
    var sum = vec3f();
    for (var at = 0u; at < 4u; at++) {
      let column = pair * 2u + (at & 1u);
      let pixel = whole(x + column, y + (at >> 1u));
      sum += pixel;
      let byte = yuv_byte(job.to_y, pixel) << ((column & 3u) * 8u);
      let word = (at >> 1u) * 2u + (column >> 2u);
      luma |= select(vec4u(), vec4u(byte), vec4u(0u, 1u, 2u, 3u) == vec4u(word));
    }
    u |= yuv_byte(job.to_u, sum * 0.25) << (pair * 8u);
    v |= yuv_byte(job.to_v, sum * 0.25) << (pair * 8u);
  }
  let upper = y * row_blocks * 2u + (unit % row_blocks) * 2u;
  let lower = upper + row_blocks * 2u;
  target_words[upper] = luma.x;
  target_words[upper + 1u] = luma.y;
  target_words[lower] = luma.z;
  target_words[lower + 1u] = luma.w;
  let luma_words = row_blocks * 2u * job.target_size.y;
  target_words[luma_words + unit] = u;
  target_words[luma_words + job.units + unit] = v;
}
`;

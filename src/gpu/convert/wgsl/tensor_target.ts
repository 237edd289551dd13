/**
 * The tensors that conversion shaders write.
 *
 * @module
 */

import { wgsl } from "../../shader/wgsl.ts";

/**
 * A tensor as the target; TARGET_* as SOURCE_* in `SOURCE_TENSOR_WGSL`. An invocation owns whole words:
 * where the channels of a pixel lie together, or the planes are whole words, those of PER_WORD pixels
 * (PIXEL_GROUPS: each pixel is sampled once for all of its channels); else one word, whose numbers may
 * be of two planes.
 */
export const TARGET_TENSOR_WGSL: string = wgsl`
fn numbers(pixel: vec4f) -> vec4f {
  var rgba = pixel;
  if (TARGET_CHANNELS == 1u) { rgba = vec4f(dot(job.grey.xyz, pixel.xyz), 0.0, 0.0, 0.0); }
  if (TARGET_BGR && TARGET_CHANNELS != 1u) { rgba = rgba.zyxw; }
  return rgba * job.out_scale + job.out_bias;
}

fn pack(values: vec4f) -> u32 {
  if (PER_WORD == 1u) { return bitcast<u32>(values.x); }
  if (PER_WORD == 2u) { return pack2x16float(values.xy); }
  return pack_bytes(to_bytes(values));
}

fn store(word: u32, values: vec4f) {
  if (word < job.words) { target_words[word] = pack(values); }
}

fn store_group(group: u32) {
  var pixels: array<vec4f, PER_WORD>;
  for (var at = 0u; at < PER_WORD; at++) {
    pixels[at] = numbers(pixel_in_order(group * PER_WORD + at));
  }
  let plane_words = job.target_size.x * job.target_size.y / PER_WORD;
  for (var word = 0u; word < TARGET_CHANNELS; word++) {
    var values = vec4f();
    for (var at = 0u; at < PER_WORD; at++) {
      if (TARGET_INTERLEAVED) {
        let flat = word * PER_WORD + at;
        values[at] = pixels[flat / TARGET_CHANNELS][flat % TARGET_CHANNELS];
      } else {
        values[at] = pixels[at][word];
      }
    }
    if (TARGET_INTERLEAVED) {
      store(group * TARGET_CHANNELS + word, values);
    } else {
      store(word * plane_words + group, values);
    }
  }
}

fn store_word(word: u32) {
  let plane = job.target_size.x * job.target_size.y;
  var values = vec4f();
  for (var at = 0u; at < PER_WORD; at++) {
    let flat = min(word * PER_WORD + at, plane * TARGET_CHANNELS - 1u);
    values[at] = numbers(pixel_in_order(flat % plane))[flat / plane];
  }
  store(word, values);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  if (PIXEL_GROUPS) { store_group(unit); } else { store_word(unit); }
}
`;

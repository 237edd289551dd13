/**
 * The shader that stretches the numbers of a tensor to 0–1.
 *
 * @module
 */

import { wgsl } from "../../gpu/mod.ts";

/**
 * Stretches numbers so that the least becomes 0 and the greatest 1: depth maps have no unit.
 *
 * source: count numbers, f32 (4 bytes each), f16 (2 to a word, the first in the low half) or u8 (4 to a
 * word, the first in the low byte); partials: PARTIALS pairs (least, greatest); result: count f32.
 * Infinities and NaN do not count; they become 0, but positive infinity 1. All equal: all 0.
 *
 * find_limits runs in PARTIALS workgroups, stretch in any number: each gathers the partials once more.
 */
export const MIN_MAX_WGSL: string = wgsl`
const TYPE_F32 = 0u;
const TYPE_F16 = 1u;
const WORKGROUP = 256u;
const PARTIALS = 64u;
const GREATEST = 3.40282346638528859812e+38f;

override SOURCE_TYPE: u32 = TYPE_F32;

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec2f, PARTIALS>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

var<workgroup> limits: array<vec2f, WORKGROUP>;

/** The bits of a number as f32: comparing them finds a NaN where arithmetic may be optimised away. */
fn bits_at(index: u32) -> u32 {
  if SOURCE_TYPE == TYPE_F32 {
    return source[index];
  }
  if SOURCE_TYPE == TYPE_F16 {
    let half = extractBits(source[index / 2u], (index % 2u) * 16u, 16u);
    if (half & 0x7c00u) == 0x7c00u {
      return ((half & 0x8000u) << 16u) | 0x7f800000u | (half & 0x3ffu);
    }
    return bitcast<u32>(unpack2x16float(half).x);
  }
  return bitcast<u32>(f32(extractBits(source[index / 4u], (index % 4u) * 8u, 8u)));
}

fn is_finite(bits: u32) -> bool {
  return (bits & 0x7f800000u) != 0x7f800000u;
}

fn join(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(min(a.x, b.x), max(a.y, b.y));
}

/** The limits of all that the workgroup's threads found. */
fn gather(local: u32, found: vec2f) -> vec2f {
  limits[local] = found;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if local < half {
      limits[local] = join(limits[local], limits[local + half]);
    }
    workgroupBarrier();
  }
  return limits[0];
}

@compute @workgroup_size(WORKGROUP)
fn find_limits(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  var found = vec2f(GREATEST, -GREATEST);
  for (var at = group.x * WORKGROUP + local; at < arrayLength(&result); at += PARTIALS * WORKGROUP) {
    let bits = bits_at(at);
    if is_finite(bits) {
      found = join(found, vec2f(bitcast<f32>(bits)));
    }
  }
  let all = gather(local, found);
  if local == 0u {
    partials[group.x] = all;
  }
}

@compute @workgroup_size(WORKGROUP)
fn stretch(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  var found = vec2f(GREATEST, -GREATEST);
  if local < PARTIALS {
    found = partials[local];
  }
  let all = gather(local, found);
  let scale = select(0.0, 1.0 / (all.y - all.x), all.y > all.x);
  for (var at = group.x * WORKGROUP + local; at < arrayLength(&result); at += groups.x * WORKGROUP) {
    let bits = bits_at(at);
    if is_finite(bits) {
      result[at] = (bitcast<f32>(bits) - all.x) * scale;
    } else {
      result[at] = select(0.0, 1.0, bits == 0x7f800000u);
    }
  }
}
`;

// Numeric self-test of f16 shaders, which have given zeros on some drivers: each value times 2.5 plus
// 0.75. The values are chosen so that the results are exact in f16.
//
// values, results: pairs of f16, the first in the lower half of the word.
enable f16;

@group(0) @binding(0) var<storage, read> values: array<vec2<f16>>;
@group(0) @binding(1) var<storage, read_write> results: array<vec2<f16>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= arrayLength(&values)) {
    return;
  }
  results[i] = values[i] * vec2<f16>(2.5h) + vec2<f16>(0.75h);
}

// Numeric self-test: bytes, f32 arithmetic and packed f16, as the conversions use them.
//
// words:   4 bytes each, the first in the lowest bits.
// results: three parts of as many words as there are in `words`:
//   1. each byte times 55/64 plus 16, rounded half up: exact in f32
//   2. the bits of ((mean of the four bytes) / 255 - 0.485) / 0.229
//   3. two f16: the first byte / 256 in the low half, the second byte * -4 in the high half: exact
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = arrayLength(&words);
  let i = id.x;
  if (i >= count) {
    return;
  }
  let word = words[i];
  let bytes = vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  let scaled = vec4u(floor(bytes * 0.859375 + 16.5));
  results[i] = scaled.x | (scaled.y << 8u) | (scaled.z << 16u) | (scaled.w << 24u);
  let mean = dot(bytes, vec4f(0.25));
  results[count + i] = bitcast<u32>((mean / 255.0 - 0.485) / 0.229);
  results[2u * count + i] = pack2x16float(vec2f(bytes.x / 256.0, bytes.y * -4.0));
}

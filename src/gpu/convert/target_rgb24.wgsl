// A picture of RGB as the target, 3 bytes a pixel: an invocation makes four pixels, which are three words.

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

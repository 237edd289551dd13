// A picture of RGBA as the target: an invocation makes one pixel, which is one word.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  target_words[unit] = pack_bytes(to_bytes(pixel_in_order(unit)));
}

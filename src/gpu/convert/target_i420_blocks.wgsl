// A picture of I420 as the target, where its width is a multiple of 8 and its height even, so that no word
// is of two rows or planes. An invocation makes a block of 8x2 pixels, each sampled once: two words of
// luma in each of two rows, and one of either chroma. Planes as in target_i420.wgsl.

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

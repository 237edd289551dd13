// A picture as the target; TARGET_FORMAT as in source_picture.wgsl. An invocation owns whole words, so
// that no two write to one: of RGBA one pixel, of RGB four pixels, of I420 four bytes of whichever plane
// or planes lie there. Chroma is that of the average of the 2x2 pixels it stands for; those beyond an
// edge are the ones at it.

fn luma(rgb: vec3f) -> u32 {
  return to_byte(dot(job.to_y.xyz, rgb) + job.to_y.w);
}

// The pixels of a picture are whole numbers, so YUV is made of those.
fn whole(x: u32, y: u32) -> vec3f {
  return vec3f(to_bytes(pixel_at(x, y)).xyz);
}

fn chroma(index: u32) -> u32 {
  let size = (job.target_size + 1u) / 2u;
  let count = size.x * size.y;
  let row = select(job.to_u, job.to_v, index >= count);
  // The bytes that fill up the last word have no place: theirs is the last one.
  let place = min(select(index, index - count, index >= count), count - 1u);
  let left = (place % size.x) * 2u;
  let top = (place / size.x) * 2u;
  let right = min(left + 1u, job.target_size.x - 1u);
  let bottom = min(top + 1u, job.target_size.y - 1u);
  let sum = whole(left, top) + whole(right, top) + whole(left, bottom) + whole(right, bottom);
  return to_byte(dot(row.xyz, sum) * 0.25 + row.w);
}

fn i420_byte(index: u32) -> u32 {
  let count = job.target_size.x * job.target_size.y;
  if (index >= count) { return chroma(index - count); }
  return luma(whole(index % job.target_size.x, index / job.target_size.x));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let unit = invocation(id, groups);
  if (unit >= job.units) { return; }
  if (TARGET_FORMAT == 2u) {
    target_words[unit] = pack_bytes(to_bytes(pixel_in_order(unit)));
    return;
  }
  if (TARGET_FORMAT == 1u) {
    let a = to_bytes(pixel_in_order(unit * 4u));
    let b = to_bytes(pixel_in_order(unit * 4u + 1u));
    let c = to_bytes(pixel_in_order(unit * 4u + 2u));
    let d = to_bytes(pixel_in_order(unit * 4u + 3u));
    let word = unit * 3u;
    target_words[word] = pack_bytes(vec4u(a.xyz, b.x));
    if (word + 1u < job.words) { target_words[word + 1u] = pack_bytes(vec4u(b.yz, c.xy)); }
    if (word + 2u < job.words) { target_words[word + 2u] = pack_bytes(vec4u(c.z, d.xyz)); }
    return;
  }
  let byte = unit * 4u;
  target_words[unit] = pack_bytes(
    vec4u(i420_byte(byte), i420_byte(byte + 1u), i420_byte(byte + 2u), i420_byte(byte + 3u)));
}

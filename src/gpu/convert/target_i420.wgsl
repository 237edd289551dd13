// A picture of I420 of any size as the target: planes Y (width*height bytes), U and V (each
// ceil(width/2)*ceil(height/2)). An invocation owns one word, so that no two write to one: four bytes of
// whichever plane or planes lie there. Chroma is that of the average of the 2x2 pixels it stands for; those
// beyond an edge are the ones at it.
//
// Everything goes through one place that samples: compilers copy all of it to every such place.

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

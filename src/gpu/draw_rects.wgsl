// Fills rectangles of one colour on an rgba picture, in place: source-over of straight alpha, in
// their order, in integers and rounded once a rectangle. src/frames/blend.ts computes the same.
//
// Picture: one word a pixel, red in the lowest byte, then green, blue and alpha, 0-255; rows
// without gaps. Commands, in words: three a rectangle (x and y of its left top corner in the low
// and high half, those of the right bottom one, its colour as a pixel); from tiles_start three a
// tile (its column and row of tiles, as before, where its list starts, how many it has); from
// lists_start the lists of indexes of rectangles. Each workgroup is one tile, each invocation one
// pixel.

struct Drawing {
  size: vec2u,
  tile_count: u32,
  tiles_start: u32,
  lists_start: u32,
}

const TILE = 16u;
// Workgroups in a row of the dispatch, of which one dimension has at most 65535.
const DISPATCH_WIDTH = 32768u;

@group(0) @binding(0) var<uniform> drawing: Drawing;
@group(0) @binding(1) var<storage, read> commands: array<u32>;
@group(0) @binding(2) var<storage, read_write> picture: array<u32>;

fn halves(word: u32) -> vec2u {
  return vec2u(word & 0xffffu, word >> 16u);
}

fn unpack(word: u32) -> vec4u {
  return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
}

// The colour's alpha is not 0.
fn over(color: vec4u, below: vec4u) -> vec4u {
  let above = color.a * 255u;
  let under = below.a * (255u - color.a);
  let sum = above + under;
  let mixed = (color.rgb * above + below.rgb * under + (sum >> 1u)) / sum;
  return vec4u(mixed, (sum + 127u) / 255u);
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let tile = group.y * DISPATCH_WIDTH + group.x;
  if (tile >= drawing.tile_count) {
    return;
  }
  let record = drawing.tiles_start + tile * 3u;
  let at = halves(commands[record]) * TILE + local.xy;
  if (any(at >= drawing.size)) {
    return;
  }
  let index = at.y * drawing.size.x + at.x;
  let first = drawing.lists_start + commands[record + 1u];
  let end = first + commands[record + 2u];
  var color = unpack(picture[index]);
  for (var item = first; item < end; item++) {
    let rect = commands[item] * 3u;
    let left_top = halves(commands[rect]);
    let right_bottom = halves(commands[rect + 1u]);
    if (all(at >= left_top) && all(at < right_bottom)) {
      color = over(unpack(commands[rect + 2u]), color);
    }
  }
  picture[index] = color.r | (color.g << 8u) | (color.b << 16u) | (color.a << 24u);
}

// One pass over a picture with the user's fn process(pixel, position, params), whose code stands
// above this, as do struct Params and the reading of pixels (pixels.wgsl).
//
// In: i420, rgb24 or rgba, 8 bits; i420 by the matrix and range in the uniforms. Out: rgba, 8 bits,
// one word a pixel, rounded half up and clamped; NaN is 0. Each invocation is one pixel.

// What the user's code may read: width and height in pixels, the time in seconds.
struct Frame {
  size: vec2f,
  time: f32,
}

struct RunnelUniforms {
  picture: RunnelPicture,
  // In a vec4: what follows starts at a multiple of 16 in any case.
  time: vec4f,
  @align(16) params: Params,
}

@group(0) @binding(0) var<uniform> runnel_uniforms: RunnelUniforms;
@group(0) @binding(1) var<storage, read> runnel_source: array<u32>;
@group(0) @binding(2) var<storage, read_write> runnel_target: array<u32>;

var<private> frame: Frame;

// The pixel in this column and row, 0-1; beyond the picture that of the nearest edge.
fn load(at: vec2i) -> vec4f {
  let last = vec2i(runnel_uniforms.picture.size) - 1;
  let inside = vec2u(clamp(at, vec2i(0), last));
  return vec4f(runnel_pixel(runnel_uniforms.picture, inside)) / 255.0;
}

// Between pixels, bilinear, 0-1; pixel centres are at .5, as position is.
fn sample(position: vec2f) -> vec4f {
  let at = clamp(position, vec2f(-1.0), frame.size + 1.0) - 0.5;
  let first = vec2i(floor(at));
  let part = at - floor(at);
  let top = mix(load(first), load(first + vec2i(1, 0)), part.x);
  let bottom = mix(load(first + vec2i(0, 1)), load(first + vec2i(1, 1)), part.x);
  return mix(top, bottom, part.y);
}

// A function of its own, so that a process() of another type is an error here.
fn runnel_process(pixel: vec4f, position: vec2f) -> vec4f {
  return process(pixel, position, runnel_uniforms.params);
}

fn runnel_bytes(color: vec4f) -> u32 {
  let is_nan = (bitcast<vec4u>(color) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
  let known = clamp(select(color, vec4f(0.0), is_nan), vec4f(0.0), vec4f(1.0));
  let bytes = vec4u(known * 255.0 + 0.5);
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

@compute @workgroup_size(16, 16)
fn runnel_main(@builtin(global_invocation_id) id: vec3u) {
  let size = runnel_uniforms.picture.size;
  if (id.x >= size.x || id.y >= size.y) {
    return;
  }
  frame = Frame(vec2f(size), runnel_uniforms.time.x);
  let color = runnel_process(load(vec2i(id.xy)), vec2f(id.xy) + 0.5);
  runnel_target[id.y * size.x + id.x] = runnel_bytes(color);
}

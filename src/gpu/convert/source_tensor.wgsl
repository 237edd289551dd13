// A tensor as the source. SOURCE_DTYPE 0: bytes, 1: f16, two a word, 2: f32. SOURCE_CHANNELS numbers a
// pixel, together (SOURCE_INTERLEAVED) or in a plane each; blue first if SOURCE_BGR.
// Numbers beyond those of pixels are the nearest pixel's, NaN is 0.

fn number(index: u32) -> f32 {
  if (SOURCE_DTYPE == 2u) { return bitcast<f32>(source[index]); }
  if (SOURCE_DTYPE == 1u) { return unpack2x16float(source[index >> 1u])[index & 1u]; }
  return source_byte(index);
}

fn channel(pixel: u32, at: u32) -> f32 {
  var index = pixel * SOURCE_CHANNELS + at;
  if (!SOURCE_INTERLEAVED) { index = at * job.source_size.x * job.source_size.y + pixel; }
  let value = number(index) * job.in_scale[at] + job.in_bias[at];
  // Before any mixing, which would spread NaN and infinities. No comparison with NaN holds.
  if (value >= 255.0) { return 255.0; }
  if (value > 0.0) { return value; }
  return 0.0;
}

fn load(position: vec2i) -> vec4f {
  let pixel = u32(position.y) * job.source_size.x + u32(position.x);
  if (SOURCE_CHANNELS == 1u) { return vec4f(vec3f(channel(pixel, 0u)), 255.0); }
  var rgba = vec4f(channel(pixel, 0u), channel(pixel, 1u), channel(pixel, 2u), 255.0);
  if (SOURCE_CHANNELS == 4u) { rgba.w = channel(pixel, 3u); }
  if (SOURCE_BGR) { return rgba.zyxw; }
  return rgba;
}

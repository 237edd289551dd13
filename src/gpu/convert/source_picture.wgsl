// A picture as the source. SOURCE_FORMAT 0: I420, planes Y (width*height bytes), U and V (each
// ceil(width/2)*ceil(height/2)); 1: RGB, 3 bytes a pixel; 2: RGBA, one word a pixel.

fn load(position: vec2i) -> vec4f {
  let x = u32(position.x);
  let y = u32(position.y);
  let index = y * job.source_size.x + x;
  if (SOURCE_FORMAT == 2u) {
    let word = source[index];
    return vec4f(
      f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u), f32(word >> 24u));
  }
  if (SOURCE_FORMAT == 1u) {
    return vec4f(
      source_byte(index * 3u), source_byte(index * 3u + 1u), source_byte(index * 3u + 2u), 255.0);
  }
  let luma_size = job.source_size.x * job.source_size.y;
  let chroma_size = (job.source_size + 1u) / 2u;
  let chroma_index = luma_size + (y / 2u) * chroma_size.x + x / 2u;
  let u = source_byte(chroma_index) - 128.0;
  let v = source_byte(chroma_index + chroma_size.x * chroma_size.y) - 128.0;
  let luma = (source_byte(index) - job.yuv_more.y) * job.yuv.x;
  let rgb = vec3f(
    luma + job.yuv.y * v,
    luma + job.yuv.z * u + job.yuv.w * v,
    luma + job.yuv_more.x * u);
  // A picture's pixel is whole numbers, whatever becomes of it.
  return vec4f(floor(clamp(rgb, vec3f(0.0), vec3f(255.0)) + 0.5), 255.0);
}

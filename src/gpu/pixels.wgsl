// Pixels of packed pictures, as 8-bit numbers.
//
// Byte layout, from the buffer's start and without gaps: i420 has width x height bytes of Y, then
// U, then V, each of ceil(width / 2) x ceil(height / 2); rgb24 has 3 bytes a pixel, rgba 4. Chroma
// is repeated over the pixels that it stands for. Matrix and range: those of the coefficients, 16
// fractional bits each; src/media/color_matrix.ts makes them. The arithmetic is that of
// src/frames/convert.ts, in the same integers.

const RUNNEL_I420 = 0u;
const RUNNEL_RGB24 = 1u;
const RUNNEL_RGBA = 2u;

struct RunnelPicture {
  size: vec2u,
  format: u32,
  // yOffset, yGain, vToR, uToG
  luma: vec4i,
  // vToG, uToB
  chroma: vec4i,
}

fn runnel_byte(index: u32) -> i32 {
  return i32(extractBits(runnel_source[index >> 2u], (index & 3u) * 8u, 8u));
}

// Red, green, blue and alpha, 0-255, of a pixel inside of the picture.
fn runnel_pixel(picture: RunnelPicture, at: vec2u) -> vec4u {
  let index = at.y * picture.size.x + at.x;
  switch picture.format {
    case RUNNEL_RGBA: {
      return (vec4u(runnel_source[index]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
    }
    case RUNNEL_RGB24: {
      let first = index * 3u;
      let rgb = vec3i(runnel_byte(first), runnel_byte(first + 1u), runnel_byte(first + 2u));
      return vec4u(vec3u(rgb), 255u);
    }
    default: {
      return runnel_yuv_pixel(picture, at, index);
    }
  }
}

fn runnel_yuv_pixel(picture: RunnelPicture, at: vec2u, index: u32) -> vec4u {
  let chroma_size = (picture.size + 1u) >> vec2u(1u);
  let u_index = picture.size.x * picture.size.y + (at.y >> 1u) * chroma_size.x + (at.x >> 1u);
  let v_index = u_index + chroma_size.x * chroma_size.y;
  let y = (runnel_byte(index) - picture.luma.x) * picture.luma.y + (1 << 15u);
  let u = runnel_byte(u_index) - 128;
  let v = runnel_byte(v_index) - 128;
  let red = y + picture.luma.z * v;
  let green = y + picture.luma.w * u + picture.chroma.x * v;
  let blue = y + picture.chroma.y * u;
  let rgb = vec3i(red, green, blue) >> vec3u(16u);
  return vec4u(vec3u(clamp(rgb, vec3i(0), vec3i(255))), 255u);
}

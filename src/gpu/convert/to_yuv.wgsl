// From RGB to the bytes of YUV: what both targets of I420 share.

// The pixels of a picture are whole numbers, so YUV is made of those.
fn whole(x: u32, y: u32) -> vec3f {
  return vec3f(to_bytes(pixel_at(x, y)).xyz);
}

// A byte of the plane whose row of the matrix is given.
fn yuv_byte(row: vec4f, rgb: vec3f) -> u32 {
  return to_byte(dot(row.xyz, rgb) + row.w);
}

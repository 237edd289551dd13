/** Inverts pictures on the GPU. */

import { defineShader } from "../../../mod.ts";

export default defineShader({
  wgsl: `fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f {
    return vec4f(1.0 - pixel.rgb, pixel.a);
  }`,
});

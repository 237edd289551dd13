/**
 * A filter in WGSL: darker towards the corners, tinted, with a slow pulse. Its parameters change
 * while the stream runs:
 *
 *     ./runnel demo --processor examples/vignette.ts
 *     curl -d '{"strength": 1, "tint": [1, 0.6, 0.3]}' -H 'content-type: application/json' \
 *       localhost:8000/stream/params
 */

import { defineShader } from "@runnel/runnel";

export default defineShader({
  name: "vignette",
  params: {
    // How dark the corners are.
    strength: { type: "f32", default: 0.7, min: 0, max: 1 },
    // Where it begins and ends: parts of the way from the middle to a corner.
    range: { type: "vec2f", default: [0.4, 1], min: 0, max: 2 },
    // What the whole picture is multiplied with.
    tint: { type: "vec3f", default: [1, 0.95, 0.85], min: 0, max: 2 },
    // Pulses a second.
    pulse: { type: "f32", default: 0, min: 0, max: 10 },
  },
  wgsl: `
    const TURN = 6.2831853;

    fn distance_from_middle(position: vec2f) -> f32 {
      let middle = frame.size / 2.0;
      return distance(position, middle) / length(middle);
    }

    fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f {
      let far = smoothstep(params.range.x, params.range.y, distance_from_middle(position));
      let beat = 0.75 + 0.25 * cos(TURN * params.pulse * frame.time);
      let light = 1.0 - params.strength * far * beat;
      return vec4f(pixel.rgb * params.tint * light, pixel.a);
    }`,
});

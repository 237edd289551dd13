/**
 * A processor in ten lines: full red in every pixel.
 *
 *     ./runnel demo --processor examples/red.ts
 */

import { defineProcessor } from "@runnel/runnel";

export default defineProcessor({
  pixelFormat: "rgb24",
  video(frame) {
    const pixels = frame.tensor.data; // uint8, [height, width, 3]
    for (let i = 0; i < pixels.length; i += 3) pixels[i] = 255;
    return frame;
  },
});

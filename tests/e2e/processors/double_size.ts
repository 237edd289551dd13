/** A stand-in for super resolution: every pixel becomes four. */

import { defineProcessor } from "../../../mod.ts";
import { Tensor } from "onnxruntime-common";

export default defineProcessor({
  pixelFormat: "rgb24",
  video(frame) {
    const { width, height } = frame;
    const pixels = frame.tensor.data as Uint8Array;
    const doubled = new Uint8Array(pixels.length * 4);
    for (let y = 0; y < 2 * height; y++) {
      for (let x = 0; x < 2 * width; x++) {
        const from = ((y >> 1) * width + (x >> 1)) * 3;
        const to = (y * 2 * width + x) * 3;
        doubled[to] = pixels[from]!;
        doubled[to + 1] = pixels[from + 1]!;
        doubled[to + 2] = pixels[from + 2]!;
      }
    }
    return frame.replaceTensor(new Tensor("uint8", doubled, [2 * height, 2 * width, 3]));
  },
});

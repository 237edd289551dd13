/**
 * A processor that returns frames of another size: the published stream follows. Every pixel is
 * doubled, where a super-resolution model would go.
 *
 *     ./runnel process input.mp4 output.mp4 --processor examples/upscale.ts
 */

import { FrameProcessor, type PixelFormat, type VideoFrame } from "@runnel/runnel";
import { Tensor } from "onnxruntime-common";

/** Doubles width and height. */
export default class Upscale extends FrameProcessor {
  override readonly pixelFormat: PixelFormat = "rgb24";

  override processVideo(frame: VideoFrame): VideoFrame {
    const { width, height, data } = frame;
    const doubled = new Uint8Array(width * 2 * height * 2 * 3);
    for (let y = 0; y < height * 2; y++) {
      for (let x = 0; x < width * 2; x++) {
        const from = ((y >> 1) * width + (x >> 1)) * 3;
        const to = (y * width * 2 + x) * 3;
        doubled[to] = data[from]!;
        doubled[to + 1] = data[from + 1]!;
        doubled[to + 2] = data[from + 2]!;
      }
    }
    return frame.replaceTensor(new Tensor("uint8", doubled, [height * 2, width * 2, 3]));
  }
}

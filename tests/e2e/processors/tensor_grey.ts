/** A processor as a class that works on the RGB tensor in place, and says what it saw. */

import { FrameProcessor, type VideoFrame } from "../../../mod.ts";

export default class TensorGrey extends FrameProcessor {
  override readonly pixelFormat = "rgb24";
  #frames = 0;

  override processVideo(frame: VideoFrame): VideoFrame {
    const pixels = frame.tensor.data as Uint8Array;
    for (let i = 0; i < pixels.length; i += 3) {
      const grey = 0.2126 * pixels[i]! + 0.7152 * pixels[i + 1]! + 0.0722 * pixels[i + 2]!;
      pixels.fill(grey, i, i + 3);
    }
    this.#frames++;
    return frame;
  }

  override getMetrics(): Readonly<Record<string, unknown>> {
    return { grey_frames: this.#frames };
  }
}

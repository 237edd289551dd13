/**
 * The built-in processors that change the pixels of a frame in place: `grayscale`, `invert`, `mirror`.
 *
 * @module
 */

import type { Plane, VideoFrame } from "../../frames/mod.ts";
import { FrameProcessor } from "../frame_processor.ts";

/** Chroma without colour. */
const NEUTRAL_CHROMA = 128;

/** Takes the colour out. */
export class Grayscale extends FrameProcessor {
  /** Sets both chroma planes to neutral. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { u, v } = frame.planes;
    u.data.fill(NEUTRAL_CHROMA);
    v.data.fill(NEUTRAL_CHROMA);
    return frame;
  }
}

/** Turns every colour into its complement. */
export class Invert extends FrameProcessor {
  /** Mirrors luma and chroma about the middle of their range. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { y, u, v } = frame.planes;
    // Limited range runs from 16 to 235, and chroma is centred on 128 in either range.
    invertPlane(y, frame.color.fullRange ? 255 : 251);
    invertPlane(u, 256);
    invertPlane(v, 256);
    return frame;
  }
}

/** Swaps left and right. */
export class Mirror extends FrameProcessor {
  /** Reverses each row of each plane. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { y, u, v } = frame.planes;
    for (const plane of [y, u, v]) mirrorPlane(plane);
    return frame;
  }
}

/** Maps each value to `sum` minus itself, within a byte. */
function invertPlane({ data }: Plane, sum: number): void {
  for (let i = 0; i < data.length; i++) {
    const value = sum - data[i]!;
    data[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}

function mirrorPlane({ data, width, height, strideBytes }: Plane): void {
  for (let row = 0; row < height; row++) {
    data.subarray(row * strideBytes, row * strideBytes + width).reverse();
  }
}

/**
 * From the GPU to the encoder.
 *
 * @module
 */

import type { VideoFrame } from "../frames/mod.ts";

/**
 * A frame in CPU memory with the picture of one on the GPU: as `i420`, which the encoder takes and which
 * is half the bytes of the other formats. The frame is closed, unless it is the one that comes back.
 * Rejects with a `GpuError` when the device is lost; then the frame is still its owner's.
 */
export async function readI420(frame: VideoFrame): Promise<VideoFrame> {
  if (frame.pixelFormat === "i420") return await frame.to("cpu");
  const converted = frame.convert("i420");
  frame.close();
  try {
    return await converted.to("cpu");
  } catch (error) {
    converted.close();
    throw error;
  }
}

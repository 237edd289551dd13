/**
 * Tensors of frames, wherever these are.
 *
 * @module
 */

import { imageToTensor, type Tensor, type VideoFrame } from "@runnel/runnel";
import type { ImageToTensorOptions } from "@runnel/runnel/gpu";

/** What a model takes of a frame, in the memory that the frame is in. */
export function frameTensor(frame: VideoFrame, options: ImageToTensorOptions): Tensor {
  return frame.location === "gpu" ? frame.gpuTensor(options) : imageToTensor(frame, options);
}

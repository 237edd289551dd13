/**
 * Pictures and tensors in buffers of the GPU.
 *
 * @module
 */

import type { TensorDtype } from "./tensor_spec.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";

/** A picture on the GPU: the same bytes as on the CPU, tightly packed, from the buffer's start. */
export interface GpuPicture {
  /** At least as long as the picture. A buffer of the device's pool is given back to it. */
  readonly buffer: GPUBuffer;
  /** Layout of the bytes. */
  readonly pixelFormat: PixelFormat;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** How the YUV of the picture is meant, also of one that was converted to RGB. */
  readonly color: ColorInfo;
}

/** A tensor in a GPU buffer, tightly packed from its start. */
export interface GpuTensor {
  /** At least as long as the numbers. */
  readonly buffer: GPUBuffer;
  readonly dtype: TensorDtype;
  readonly dims: readonly number[];
}

/** A tensor in words, for errors. */
export function describeGpuTensor({ dtype, dims }: GpuTensor): string {
  return `a ${dtype} tensor of shape [${dims.join(",")}] in GPU memory`;
}

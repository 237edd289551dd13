/**
 * A picture in a buffer of the GPU.
 *
 * @module
 */

import type { ColorInfo, PixelFormat } from "../../media/types.ts";

/** A picture on the GPU: the same bytes as on the CPU, tightly packed, from the buffer's start. */
export interface GpuPicture {
  /** At least as long as the picture; of the device's pool where it is to be given back there. */
  readonly buffer: GPUBuffer;
  /** Layout of the bytes. */
  readonly pixelFormat: PixelFormat;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** How the YUV of the picture is meant, or was before it became RGB. */
  readonly color: ColorInfo;
}

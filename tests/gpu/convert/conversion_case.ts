/**
 * Tests of conversions, and pictures on the GPU.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DEFAULT_COLOR, type Picture, pictureBytes } from "../../../src/frames/mod.ts";
import { type Gpu, type GpuPicture, sharedGpu } from "../../../src/gpu/mod.ts";
import { gpuTest } from "../gpu_case.ts";

/** A test on the shared device, whose pipelines are compiled once; fails where it keeps memory. */
export function conversionTest(name: string, run: (gpu: Gpu) => void | Promise<void>): void {
  gpuTest(name, async () => {
    const gpu = await sharedGpu();
    const held = (): object => ({
      inUse: gpu.pool.stats.inUse,
      errors: gpu.stats.uncapturedErrors,
    });
    const before = held();
    await run(gpu);
    await gpu.device.queue.onSubmittedWorkDone();
    assert.deepEqual(held(), before);
  });
}

/** Puts a picture on the GPU. */
export function upload(gpu: Gpu, picture: Picture): GpuPicture {
  const { data, color = DEFAULT_COLOR, ...shape } = picture;
  return { ...shape, color, buffer: gpu.upload(data, "test picture") };
}

/** The bytes of a picture on the GPU. */
export async function download(gpu: Gpu, picture: GpuPicture): Promise<Uint8Array> {
  const bytes = pictureBytes(picture.pixelFormat, picture.width, picture.height);
  return (await gpu.readback.read(picture.buffer, Math.ceil(bytes / 4) * 4)).subarray(0, bytes);
}

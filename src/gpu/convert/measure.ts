/**
 * How fast a device takes and gives back pictures, for `doctor`.
 *
 * @module
 */

import { DEFAULT_COLOR } from "../../media/picture.ts";
import { convertPicture } from "./convert.ts";
import type { Gpu } from "../device/gpu.ts";
import type { GpuPicture } from "./gpu_picture.ts";

/** What was measured, on buffers of one 1920x1080 I420 picture. */
export interface GpuMeasurement {
  /** Bytes that were moved at a time. */
  readonly pictureBytes: number;
  /** Megabytes (of a million bytes) a second from the CPU to the GPU. */
  readonly uploadMBps: number;
  /** The same from the GPU to the CPU, with as many reads at once as the ring holds. */
  readonly readbackMBps: number;
  /** Milliseconds of a conversion from I420 to RGBA. */
  readonly convertMs: number;
  /** Milliseconds of one upload and readback alone. */
  readonly roundTripMs: number;
}

/** How it is measured. */
export interface MeasureOptions {
  /** How long in all. @default 1000 */
  readonly durationMs?: number;
}

const SIZE = { width: 1920, height: 1080 } as const;

const PICTURE_BYTES = SIZE.width * SIZE.height * 3 / 2;

/** Conversions that are queued before the next wait; few, since software GPUs are slow. */
const CONVERSIONS_AT_ONCE = 8;

/** Uploads that are queued before the next wait, which itself takes 10 ms in Deno. */
const UPLOADS_AT_ONCE = 16;

/** Reads at once: as many as the ring holds. */
const READS_AT_ONCE = 8;

/**
 * Measures uploads, conversions, readbacks and round trips, a quarter of the time each. Rejects
 * where the device is lost.
 */
export async function measureGpu(
  gpu: Gpu,
  options: MeasureOptions = {},
): Promise<GpuMeasurement> {
  const durationMs = (options.durationMs ?? 1000) / 4;
  const picture = new Uint8Array(PICTURE_BYTES);
  const buffer = gpu.upload(picture, "measurement");
  try {
    await gpu.readback.read(buffer, PICTURE_BYTES, { into: picture });
    const uploadMs = await repeat(durationMs, UPLOADS_AT_ONCE, () => uploads(gpu, buffer, picture));
    const source = { buffer, pixelFormat: "i420", ...SIZE, color: DEFAULT_COLOR } as const;
    await conversions(gpu, source, 1); // compiles the shader
    const convertMs = await repeat(durationMs, CONVERSIONS_AT_ONCE, () => {
      return conversions(gpu, source, CONVERSIONS_AT_ONCE);
    });
    const targets = Array.from({ length: READS_AT_ONCE }, () => new Uint8Array(PICTURE_BYTES));
    const readMs = await repeat(durationMs, READS_AT_ONCE, () => reads(gpu, buffer, targets));
    const roundTripMs = await repeat(durationMs, 1, async () => {
      gpu.device.queue.writeBuffer(buffer, 0, picture);
      await gpu.readback.read(buffer, PICTURE_BYTES, { into: picture });
    });
    return {
      pictureBytes: PICTURE_BYTES,
      uploadMBps: PICTURE_BYTES / uploadMs / 1000,
      readbackMBps: PICTURE_BYTES / readMs / 1000,
      convertMs,
      roundTripMs,
    };
  } finally {
    gpu.pool.release(buffer);
  }
}

async function uploads(
  { device }: Gpu,
  buffer: GPUBuffer,
  picture: Uint8Array<ArrayBuffer>,
): Promise<void> {
  for (let i = 0; i < UPLOADS_AT_ONCE; i++) device.queue.writeBuffer(buffer, 0, picture);
  await device.queue.onSubmittedWorkDone();
}

async function conversions(gpu: Gpu, source: GpuPicture, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    gpu.pool.release(convertPicture(gpu, source, { pixelFormat: "rgba" }).buffer);
  }
  await gpu.device.queue.onSubmittedWorkDone();
}

async function reads(gpu: Gpu, buffer: GPUBuffer, targets: Uint8Array[]): Promise<void> {
  await Promise.all(
    targets.map((into) => gpu.readback.read(buffer, PICTURE_BYTES, { into })),
  );
}

/** Runs something for a while; milliseconds for each of the `count` things that one run does. */
async function repeat(
  durationMs: number,
  count: number,
  run: () => Promise<void>,
): Promise<number> {
  const start = performance.now();
  let done = 0;
  let elapsedMs = 0;
  while (elapsedMs < durationMs) {
    await run();
    done += count;
    elapsedMs = performance.now() - start;
  }
  return elapsedMs / done;
}

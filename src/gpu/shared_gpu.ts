/**
 * The process's one device: models and frames must be on the same one.
 *
 * @module
 */

import { Gpu, type GpuOptions } from "./gpu.ts";

let current: Gpu | undefined;
let opening: Promise<Gpu> | undefined;

/**
 * The process's device: opened on first use, and anew after it was lost. The options count where it is
 * opened. Rejects as `Gpu.open` does.
 */
export function sharedGpu(options: GpuOptions = {}): Promise<Gpu> {
  if (current !== undefined && !current.isLost) return Promise.resolve(current);
  opening ??= openShared(options).finally(() => opening = undefined);
  return opening;
}

/** The process's device where it is open and not lost. */
export function currentGpu(): Gpu | undefined {
  return current?.isLost === false ? current : undefined;
}

async function openShared(options: GpuOptions): Promise<Gpu> {
  current = await Gpu.open(options);
  return current;
}

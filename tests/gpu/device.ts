/**
 * Tests with a device of their own, and bytes to put on it.
 *
 * @module
 */

import { Gpu, type GpuOptions } from "../../src/gpu/mod.ts";
import { gpuTest } from "./gpu_case.ts";

/** A test with a device of its own, which is disposed of after it. */
export function deviceTest(
  name: string,
  run: (gpu: Gpu) => void | Promise<void>,
  options: GpuOptions = {},
): void {
  gpuTest(name, async () => {
    await using gpu = await Gpu.open(options);
    await run(gpu);
  });
}

/** Bytes that differ from place to place and from seed to seed. */
export function testBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 31 * seed + 7) >>> 3);
}

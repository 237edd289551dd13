/**
 * Takes GPU memory until there is none, as a process of its own with limited memory, and prints what
 * happened as JSON.
 *
 * @module
 */

import { GpuError } from "../../../src/base/errors.ts";
import { Gpu } from "../../../src/gpu/mod.ts";

const BLOCK_BYTES = 2 ** 27;
const MAX_BLOCKS = 1000;

async function codeOf(run: () => unknown): Promise<GpuError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof GpuError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

async function allocateUntilFailure(gpu: Gpu, blocks: GPUBuffer[]): Promise<void> {
  for (let i = 0; i < MAX_BLOCKS; i++) {
    blocks.push(gpu.pool.allocate(BLOCK_BYTES, `block ${i}`));
    await Promise.resolve();
    await Promise.resolve();
    gpu.pool.assertAllocated();
  }
}

async function writeReport(report: Readonly<Record<string, unknown>>): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report)));
}

await using gpu = await Gpu.open({ pool: { maxBytes: Infinity } });
const small = gpu.upload(Uint8Array.of(1, 2, 3, 4), "small");
await gpu.readback.read(small, 4);
const blocks: GPUBuffer[] = [];
const failure = await codeOf(() => allocateUntilFailure(gpu, blocks));
const readFailure = await codeOf(() => gpu.readback.read(small, 4));
for (const block of blocks) gpu.pool.release(block);
const after = await gpu.readback.read(small, 4);
const { pool, uncapturedErrors } = gpu.stats;
await writeReport({
  allocateCode: failure.code,
  message: failure.message,
  readCode: readFailure.code,
  failed: pool.failed,
  after: [...after],
  isLost: gpu.isLost,
  uncapturedErrors,
});

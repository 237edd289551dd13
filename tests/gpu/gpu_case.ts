/**
 * Tests that need a WebGPU adapter; software Vulkan is one. Without any they are skipped, and say so.
 *
 * @module
 */

import { currentGpu } from "../../src/gpu/mod.ts";
import { type FacilityTest, testWith } from "../facilities.ts";

const testOnGpu = await testWith("gpu");

/** A test that is skipped where there is no adapter. */
export const gpuTest: FacilityTest = (name, run) =>
  testOnGpu(name, async (t) => {
    try {
      await run(t);
    } finally {
      await readsSettled();
    }
  });

/** Waits for what the shared device still has under way when the bytes are there: the sanitizer sees it. */
export async function readsSettled(): Promise<void> {
  await currentGpu()?.readback.settled();
}

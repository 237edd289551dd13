/**
 * Tests that need a WebGPU adapter; software Vulkan is one. Without any they are skipped, and say so.
 *
 * @module
 */

import { currentGpu } from "../../src/gpu/mod.ts";

const adapter = await navigator.gpu?.requestAdapter();
const hasAdapter = adapter !== null && adapter !== undefined;

/** A test that is skipped where there is no adapter. */
export function gpuTest(name: string, run: (t: Deno.TestContext) => void | Promise<void>): void {
  const reason = hasAdapter ? "" : " (skipped: no WebGPU adapter; see `doctor`)";
  Deno.test({
    name: `${name}${reason}`,
    ignore: !hasAdapter,
    fn: async (t) => {
      try {
        await run(t);
      } finally {
        await readsSettled();
      }
    },
  });
}

/** Waits for what the shared device still has under way when the bytes are there: the sanitizer sees it. */
export async function readsSettled(): Promise<void> {
  await currentGpu()?.readback.settled();
}

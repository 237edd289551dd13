/** Ten thousand frames through the GPU: what a day of streaming would leave behind shows here. */

import assert from "node:assert/strict";
import { frameCounts, VideoFrame } from "../../src/frames/mod.ts";
import { sharedGpu } from "../../src/gpu/mod.ts";
import { gpuTest } from "../gpu/gpu_case.ts";

const FRAMES = 10_000;
const SIZE = { width: 64, height: 48 } as const;
/** RSS may move by this much: the collector frees when it likes. */
const MAX_GROWTH_BYTES = 48 * 2 ** 20;

async function throughGpu(data: Uint8Array, ptsTicks: number): Promise<void> {
  using frame = new VideoFrame({
    ...SIZE,
    pixelFormat: "i420",
    data,
    ptsTicks,
    timeBase: { num: 1, den: 90_000 },
  });
  await frame.to("gpu");
  const tensor = frame.gpuTensor();
  using result = frame.replaceTensor(tensor, { pixelFormat: "i420" });
  await result.to("cpu");
  assert.equal(result.data.length, data.length);
}

gpuTest("10,000 frames through the GPU leave neither buffers nor memory behind", async () => {
  const gpu = await sharedGpu();
  const data = new Uint8Array(SIZE.width * SIZE.height * 3 / 2).fill(100);
  const inFlight: Promise<void>[] = [];
  let settled: { readonly rss: number; readonly created: number } | undefined;
  const before = { inUse: gpu.pool.stats.inUse, open: frameCounts().open };
  for (let n = 0; n < FRAMES; n++) {
    inFlight.push(throughGpu(data, n));
    if (inFlight.length >= 3) await inFlight.shift();
    if (n === FRAMES / 4) {
      settled = { rss: Deno.memoryUsage().rss, created: gpu.pool.stats.created };
    }
  }
  await Promise.all(inFlight);
  assert.deepEqual({ inUse: gpu.pool.stats.inUse, open: frameCounts().open }, before);
  assert.equal(gpu.pool.stats.created, settled!.created);
  const growth = Deno.memoryUsage().rss - settled!.rss;
  assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes more than after a quarter of the frames`);
});

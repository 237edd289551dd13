/**
 * A program that sends many frames over the GPU and prints what that left behind, as JSON. A program of
 * its own: the memory of a process is that of all tests that run in it.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { frameCounts, VideoFrame } from "../../src/frames/mod.ts";
import { sharedGpu } from "../../src/gpu/mod.ts";

/** What {@linkcode FRAMES} frames left behind. */
export interface SoakReport {
  /** Frames that are not closed. */
  readonly open: number;
  /** Buffers of the pool that are not given back. */
  readonly inUse: number;
  /** Buffers made after the first quarter of the frames. */
  readonly created: number;
  /** Growth of the resident set after the first quarter, in bytes. */
  readonly growthBytes: number;
}

const FRAMES = 5_000;
const SIZE = { width: 64, height: 48 } as const;
const IN_FLIGHT = 3;

/** There and back; each second frame untouched, as where a processor looks at it only. */
async function overGpu(data: Uint8Array, ptsTicks: number): Promise<void> {
  using frame = new VideoFrame({
    ...SIZE,
    pixelFormat: "i420",
    data,
    ptsTicks,
    timeBase: { num: 1, den: 90_000 },
  });
  await frame.to("gpu");
  if (ptsTicks % 2 === 1) return void await frame.to("cpu");
  const tensor = frame.gpuTensor();
  using result = frame.replaceTensor(tensor, { pixelFormat: "i420" });
  await result.to("cpu");
}

async function soak(): Promise<SoakReport> {
  const gpu = await sharedGpu();
  const data = new Uint8Array(SIZE.width * SIZE.height * 3 / 2).fill(100);
  const inFlight: Promise<void>[] = [];
  let settled = { rss: 0, created: 0 };
  for (let n = 0; n < FRAMES; n++) {
    inFlight.push(overGpu(data, n));
    if (inFlight.length >= IN_FLIGHT) await inFlight.shift();
    // As streams do, which read and write: Deno frees what the GPU is done with when the loop turns.
    await new Promise((resolve) => setImmediate(resolve));
    if (n === FRAMES / 4) {
      settled = { rss: Deno.memoryUsage().rss, created: gpu.pool.stats.created };
    }
  }
  await Promise.all(inFlight);
  return {
    open: frameCounts().open,
    inUse: gpu.pool.stats.inUse,
    created: gpu.pool.stats.created - settled.created,
    growthBytes: Deno.memoryUsage().rss - settled.rss,
  };
}

console.log(JSON.stringify(await soak()));
Deno.exit(0);

import assert from "node:assert/strict";
import { MapTiming } from "../../../src/gpu/device/map_timing.ts";

/** Runs reads on a GPU that takes `gpuMs`; what each one waited and blocked. */
function simulate(timing: MapTiming, gpuMs: number, reads: number): [number, number][] {
  return Array.from({ length: reads }, () => {
    const waitedMs = timing.delayMs;
    const blockedMs = Math.max(0, gpuMs - waitedMs);
    timing.note(waitedMs, blockedMs);
    return [waitedMs, blockedMs];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

Deno.test("a fast GPU is never waited for", () => {
  const reads = simulate(new MapTiming(), 3, 20);
  assert.ok(reads.every(([waitedMs]) => waitedMs === 0));
});

Deno.test("a slow GPU blocks for a small part of its time, and is not waited for beyond it", () => {
  const timing = new MapTiming();
  simulate(timing, 20, 10);
  const reads = simulate(timing, 20, 50);
  assert.ok(mean(reads.map(([, blockedMs]) => blockedMs)) < 4);
  assert.ok(reads.every(([waitedMs]) => waitedMs <= 20));
});

Deno.test("one very slow read is forgotten after a few", () => {
  const timing = new MapTiming();
  timing.note(0, 6800);
  const waits = simulate(timing, 0.2, 20).map(([waitedMs]) => waitedMs);
  assert.ok(Math.max(...waits) <= 50);
  assert.ok(waits.slice(8).every((waitedMs) => waitedMs === 0), waits.join(" "));
});

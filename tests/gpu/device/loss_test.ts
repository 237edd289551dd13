import assert from "node:assert/strict";
import type { Clock } from "../../../src/base/clock.ts";
import { GpuError } from "../../../src/base/errors.ts";
import { Gpu, type GpuOptions, SharedGpu } from "../../../src/gpu/mod.ts";
import { deviceTest, testBytes } from "../device.ts";
import { gpuTest } from "../gpu_case.ts";

/** A clock on which time passes only where somebody waits. */
function waitingClock(): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    schedule: (delayMs, run) => {
      nowMs += delayMs;
      queueMicrotask(run);
      return () => {};
    },
  };
}

deviceTest(
  "a destroyed device is lost: nothing can be made or read on it any more",
  async (gpu) => {
    const buffer = gpu.upload(testBytes(64), "before");
    gpu.device.destroy();
    const loss = await gpu.lost;
    assert.ok(loss instanceof GpuError);
    assert.equal(loss.code, "GPU_LOST");
    assert.equal(gpu.isLost, true);
    assert.throws(() => gpu.assertUsable(), { code: "GPU_LOST" });
    assert.throws(() => gpu.upload(testBytes(4), "after"), { code: "GPU_LOST" });
    await assert.rejects(gpu.readback.read(buffer, 64), { code: "GPU_LOST" });
    assert.equal(gpu.stats.pool.inUseBytes, 0);
  },
);

deviceTest("reads that a loss overtakes reject, those that wait for the ring too", async (gpu) => {
  const buffer = gpu.upload(testBytes(1000), "source");
  const reads = Array.from({ length: 20 }, () => gpu.readback.read(buffer, 1000));
  const outcomes = Promise.allSettled(reads);
  gpu.device.destroy();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.equal((outcome.reason as GpuError).code, "GPU_LOST");
  }
  assert.equal(gpu.readback.stats.active, 0);
});

deviceTest("disposing of a device ends reads under way, and may be done twice", async (gpu) => {
  const buffer = gpu.upload(testBytes(1000), "source");
  const read = assert.rejects(gpu.readback.read(buffer, 1000), { code: "GPU_LOST" });
  await Promise.all([gpu[Symbol.asyncDispose](), gpu[Symbol.asyncDispose]()]);
  await read;
  assert.equal((await gpu.lost).code, "GPU_LOST");
});

deviceTest("errors that nobody asked for are counted", async (gpu) => {
  const small = gpu.pool.allocate(16, "small");
  for (let i = 0; i < 7; i++) gpu.device.queue.writeBuffer(small, 0, new Uint8Array(1024));
  await gpu.readback.read(small, 16);
  assert.equal(gpu.stats.uncapturedErrors, 7);
  assert.equal(gpu.isLost, false);
});

gpuTest(
  "callers at the same time share one device, and one new device after its loss",
  async () => {
    let opened = 0;
    const shared = new SharedGpu({
      open: (options) => {
        opened++;
        return Gpu.open(options);
      },
    });
    assert.equal(shared.current, undefined);
    const [first, same] = await Promise.all([shared.get(), shared.get()]);
    assert.equal(first, same);
    assert.equal(shared.current, first);
    first.device.destroy();
    await first.lost;
    assert.equal(shared.current, undefined);
    const [second, again] = await Promise.all([shared.get(), shared.get()]);
    assert.equal(second, again);
    assert.notEqual(second, first);
    assert.equal(opened, 2);
    const bytes = testBytes(100);
    assert.deepEqual(await second.readback.read(second.upload(bytes, "bytes"), 100), bytes);
    await second[Symbol.asyncDispose]();
  },
);

gpuTest("a lost device is opened again as often as its driver needs", async () => {
  const tries: GpuOptions[] = [];
  const shared = new SharedGpu({
    open: (options) => {
      tries.push(options);
      const isReset = tries.length === 2 || tries.length === 3;
      if (isReset) return Promise.reject(new GpuError("GPU_UNAVAILABLE", "Cannot open: resetting"));
      return Gpu.open(options);
    },
    clock: waitingClock(),
  });
  const first = await shared.get();
  first.device.destroy();
  await first.lost;
  const second = await shared.get();
  assert.equal(tries.length, 4);
  assert.equal(second.isLost, false);
  await second[Symbol.asyncDispose]();
});

gpuTest("a device that does not come back is given up after the time for it", async () => {
  let tries = 0;
  const gone = new GpuError("GPU_UNAVAILABLE", "Cannot open a GPU: it fell off the bus");
  const shared = new SharedGpu({
    open: (options) => tries++ === 0 ? Gpu.open(options) : Promise.reject(gone),
    reopenTimeoutMs: 1000,
    clock: waitingClock(),
  });
  const first = await shared.get();
  first.device.destroy();
  await first.lost;
  await assert.rejects(shared.get(), gone);
  // The first opening; then after 0, 50, 150, 350, 750 and 1000 ms.
  assert.equal(tries, 7);
});

Deno.test("the first opening is tried once", async () => {
  let tries = 0;
  const shared = new SharedGpu({
    open: () => {
      tries++;
      return Promise.reject(new GpuError("GPU_UNAVAILABLE", "Cannot open a GPU: none"));
    },
  });
  await assert.rejects(shared.get(), { code: "GPU_UNAVAILABLE" });
  assert.equal(tries, 1);
});

gpuTest("a shared device that is not what is asked for is refused", async () => {
  const shared = new SharedGpu();
  await using gpu = await shared.get();
  await assert.rejects(shared.get({ adapter: "no such card" }), (error) => {
    assert.ok(error instanceof GpuError);
    assert.equal(error.code, "GPU_UNAVAILABLE");
    assert.ok(error.message.includes(gpu.info.name));
    return true;
  });
  assert.equal(await shared.get({ adapter: gpu.info.name.toUpperCase() }), gpu);
});

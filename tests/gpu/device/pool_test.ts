import assert from "node:assert/strict";
import { GpuError } from "../../../src/base/errors.ts";
import { deviceTest, testBytes } from "../device.ts";

const MIB = 2 ** 20;

deviceTest("a pool hands a released buffer out again", ({ pool }) => {
  const first = pool.allocate(100, "first");
  assert.equal(first.size, 112);
  pool.release(first);
  const second = pool.allocate(112, "second");
  assert.equal(second, first);
  assert.notEqual(pool.allocate(112, "third"), second);
  const { created, reused, inUse, inUseBytes, idle } = pool.stats;
  assert.deepEqual(
    { created, reused, inUse, inUseBytes, idle },
    { created: 2, reused: 1, inUse: 2, inUseBytes: 224, idle: 0 },
  );
});

deviceTest(
  "a pool ignores a second release and buffers that are not its own",
  ({ pool, device }) => {
    const buffer = pool.allocate(16, "mine");
    const foreign = device.createBuffer({
      size: 16,
      usage: GPUBufferUsage.COPY_DST,
      label: "other",
    });
    pool.release(foreign);
    pool.release(buffer);
    pool.release(buffer);
    assert.equal(pool.stats.idle, 1);
    assert.equal(pool.stats.idleBytes, 16);
    assert.notEqual(pool.allocate(16, "a"), pool.allocate(16, "b"));
    foreign.destroy();
  },
);

deviceTest("1000 cycles of three sizes leave a pool flat", ({ pool }) => {
  for (let i = 0; i < 1000; i++) {
    const buffers = [1000, 2000, 3000].map((bytes) => pool.allocate(bytes, `cycle ${i}`));
    for (const buffer of buffers) pool.release(buffer);
  }
  const { created, reused, inUse, inUseBytes, idle, idleBytes } = pool.stats;
  assert.deepEqual(
    { created, reused, inUse, inUseBytes, idle, idleBytes },
    { created: 3, reused: 2997, inUse: 0, inUseBytes: 0, idle: 3, idleBytes: 1008 + 2000 + 3008 },
  );
});

deviceTest("beyond maxIdleBytes a pool destroys the size used longest ago first", (gpu) => {
  const { pool } = gpu;
  const old = pool.allocate(2 * MIB, "old");
  const recent = pool.allocate(MIB, "recent");
  const newest = pool.allocate(2 * MIB + 16, "newest");
  for (const buffer of [old, recent, newest]) pool.release(buffer);
  assert.equal(pool.stats.idleBytes, 3 * MIB + 16);
  assert.equal(pool.allocate(MIB, "again"), recent);
  assert.notEqual(pool.allocate(2 * MIB, "again"), old);
  // A destroyed buffer cannot be written to any more; WebGPU says so where it is asked.
  gpu.device.pushErrorScope("validation");
  gpu.device.queue.writeBuffer(old, 0, new Uint8Array(16));
  return gpu.device.popErrorScope().then((error) =>
    assert.match(error?.message ?? "", /destroyed/)
  );
}, { pool: { maxIdleBytes: 4 * MIB } });

deviceTest(
  "a pool refuses what the device has no buffer for, with both numbers",
  ({ pool, info }) => {
    const { maxBufferSize = 0, maxStorageBufferBindingSize = 0 } = info.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    assert.ok(limit >= 128 * MIB);
    assert.throws(() => pool.allocate(limit + 1, "too large"), (error) => {
      assert.ok(error instanceof GpuError);
      assert.equal(error.code, "GPU_LIMIT");
      assert.match(error.message, new RegExp(`${Math.ceil((limit + 1) / 16) * 16} bytes`));
      assert.match(error.message, new RegExp(`at most ${limit} `));
      return true;
    });
    assert.equal(pool.stats.created, 0);
    for (const bytes of [0, -1, 1.5, NaN]) {
      assert.throws(
        () => pool.allocate(bytes, ""),
        RangeError,
      );
    }
  },
);

deviceTest("buffers that are never released end at maxBytes, with what is held", ({ pool }) => {
  pool.allocate(2 * MIB, "leak");
  const second = pool.allocate(2 * MIB, "leak");
  assert.throws(() => pool.allocate(16, "one more"), (error) => {
    assert.ok(error instanceof GpuError);
    assert.equal(error.code, "GPU_MEMORY");
    assert.match(error.message, /16 bytes on the GPU for one more, beside the 4194304 in use/);
    return true;
  });
  pool.release(second);
  assert.equal(pool.allocate(16, "one more").size, 16);
}, { pool: { maxBytes: 4 * MIB } });

deviceTest("upload() pads the last word with zeros and reuses buffers", async (gpu) => {
  for (const length of [1, 3, 4, 5, 17, 4099]) {
    const bytes = testBytes(length, length);
    const buffer = gpu.upload(bytes, "bytes");
    const padded = Math.ceil(length / 4) * 4;
    const read = await gpu.readback.read(buffer, padded);
    assert.deepEqual(read.subarray(0, length), bytes);
    assert.ok(read.subarray(length).every((byte) => byte === 0), `after ${length}`);
    gpu.pool.release(buffer);
  }
});

deviceTest("a pool lets go of everything when it is disposed of", async (gpu) => {
  const used = gpu.pool.allocate(16, "used");
  gpu.pool.release(gpu.pool.allocate(32, "idle"));
  await gpu[Symbol.asyncDispose]();
  const { inUse, inUseBytes, idle, idleBytes } = gpu.pool.stats;
  assert.deepEqual({ inUse, inUseBytes, idle, idleBytes }, {
    inUse: 0,
    inUseBytes: 0,
    idle: 0,
    idleBytes: 0,
  });
  gpu.pool.release(used);
  assert.equal(gpu.pool.stats.idle, 0);
  assert.throws(() => gpu.pool.allocate(16, "late"), { code: "GPU_LOST" });
});

import assert from "node:assert/strict";
import { deviceTest, testBytes } from "../device.ts";

deviceTest("reads give the bytes, of one and of odd sizes, growing and shrinking", async (gpu) => {
  for (const length of [1, 2, 5, 64, 4097, 100_001, 3, 8, 250_003]) {
    const bytes = testBytes(length, length);
    const buffer = gpu.upload(bytes, "source");
    assert.deepEqual(await gpu.readback.read(buffer, length), bytes);
    gpu.pool.release(buffer);
  }
});

deviceTest(
  "more reads at once than the ring holds end in order, each with its own bytes",
  async (gpu) => {
    const sources = Array.from({ length: 30 }, (_, i) => testBytes(1000 + 37 * i, i));
    const order: number[] = [];
    const reads = sources.map(async (bytes, i) => {
      const buffer = gpu.upload(bytes, `source ${i}`);
      const read = await gpu.readback.read(buffer, bytes.length);
      order.push(i);
      gpu.pool.release(buffer);
      assert.deepEqual(read, bytes, `read ${i}`);
    });
    assert.ok(gpu.readback.stats.active <= 8);
    assert.equal(gpu.readback.stats.active + gpu.readback.stats.waiting, 30);
    await Promise.all(reads);
    assert.deepEqual(order, sources.map((_, i) => i));
    const { active, waiting, reads: count } = gpu.readback.stats;
    assert.deepEqual({ active, waiting, count }, { active: 0, waiting: 0, count: 30 });
  },
);

deviceTest("read() fills the array that it is given and leaves the rest of it", async (gpu) => {
  const bytes = testBytes(10);
  const buffer = gpu.upload(bytes, "source");
  const into = new Uint8Array(12).fill(9);
  const read = await gpu.readback.read(buffer, 10, { into });
  assert.equal(read.buffer, into.buffer);
  assert.deepEqual(into, Uint8Array.from([...bytes, 9, 9]));
});

deviceTest(
  "read() submits the encoder that it is given, also when the ring is full",
  async (gpu) => {
    const { device, pool, readback } = gpu;
    const reads = Array.from({ length: 12 }, async (_, i) => {
      const source = gpu.upload(testBytes(64, i), "source");
      const target = pool.allocate(64, "target");
      const encoder = device.createCommandEncoder({ label: "copy" });
      encoder.copyBufferToBuffer(source, 0, target, 0, 64);
      assert.deepEqual(await readback.read(target, 64, { encoder }), testBytes(64, i), `read ${i}`);
    });
    await Promise.all(reads);
    assert.equal(gpu.stats.uncapturedErrors, 0);
  },
);

deviceTest("read() refuses sizes that the buffer or the array does not have", async (gpu) => {
  const buffer = gpu.upload(testBytes(16), "source");
  for (const bytes of [0, -4, 1.5, 17]) {
    await assert.rejects(gpu.readback.read(buffer, bytes), RangeError);
  }
  const into = new Uint8Array(7);
  await assert.rejects(gpu.readback.read(buffer, 8, { into }), /into an array of 7/);
  assert.equal(gpu.readback.stats.active, 0);
});

deviceTest("a ring keeps no more buffers than were needed at once", async (gpu) => {
  const buffer = gpu.upload(testBytes(4096), "source");
  for (let i = 0; i < 20; i++) await gpu.readback.read(buffer, 4096);
  assert.equal(gpu.readback.stats.bytes, 4096);
});

import assert from "node:assert/strict";
import { FramePool } from "../../src/media/frame_pool.ts";

Deno.test("FramePool reuses what comes back, by size", () => {
  const pool = new FramePool();
  const first = pool.allocate(100);
  const other = pool.allocate(50);
  assert.equal(pool.stats.inUse, 2);
  pool.release(first.subarray(10)); // any view of it will do
  assert.equal(pool.allocate(100).buffer, first.buffer);
  assert.notEqual(pool.allocate(50).buffer, other.buffer);
  assert.deepEqual(pool.stats, { inUse: 3, idle: 0, idleBytes: 0, created: 3, reused: 1 });
});

Deno.test("FramePool ignores what is released twice or is not its own", () => {
  const pool = new FramePool();
  const memory = pool.allocate(100);
  pool.release(memory);
  pool.release(memory);
  pool.release(new Uint8Array(100));
  assert.equal(pool.stats.idle, 1);
  assert.equal(pool.stats.inUse, 0);
});

Deno.test("FramePool keeps no more than its limit, and the sizes in use", () => {
  const pool = new FramePool({ maxIdleBytes: 250 });
  const old = [pool.allocate(100), pool.allocate(100), pool.allocate(100)];
  for (const memory of old) pool.release(memory);
  assert.equal(pool.stats.idleBytes, 200);
  const current = [pool.allocate(120), pool.allocate(120)];
  for (const memory of current) pool.release(memory);
  assert.equal(pool.stats.idleBytes, 240);
  assert.equal(pool.allocate(120).buffer, current[1]!.buffer);
});

Deno.test("FramePool survives memory that was transferred away", () => {
  const pool = new FramePool();
  const memory = pool.allocate(100);
  structuredClone(memory, { transfer: [memory.buffer] });
  pool.release(memory);
  assert.equal(pool.stats.idle, 0);
});

import assert from "node:assert/strict";
import { BoundedQueue } from "../../src/base/mod.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("BoundedQueue gives items back in order", async () => {
  const queue = new BoundedQueue<number>({ capacity: 10, whenFull: "wait" });
  for (let i = 0; i < 10; i++) assert.equal(await queue.push(i), true);
  assert.equal(queue.size, 10);
  queue.close();
  assert.deepEqual(await Array.fromAsync(queue), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(queue.dropped, 0);
});

Deno.test('BoundedQueue with "wait" holds a writer back until there is room', async () => {
  const queue = new BoundedQueue<number>({ capacity: 2, whenFull: "wait" });
  let pushed = 0;
  const writer = (async () => {
    for (let i = 0; i < 5; i++) {
      await queue.push(i);
      pushed++;
    }
  })();
  await settle();
  assert.deepEqual([pushed, queue.size], [2, 2]);
  assert.equal(await queue.shift(), 0);
  await settle();
  assert.equal(pushed, 3);
  for (const expected of [1, 2, 3, 4]) assert.equal(await queue.shift(), expected);
  await writer;
  assert.deepEqual([pushed, queue.size, queue.dropped], [5, 0, 0]);
});

Deno.test("BoundedQueue never holds more than its capacity, whatever the number of writers", async () => {
  const queue = new BoundedQueue<number>({ capacity: 3, whenFull: "wait" });
  const writers = Array.from({ length: 50 }, (_, i) => queue.push(i));
  const seen: number[] = [];
  for (let i = 0; i < 50; i++) {
    await settle();
    assert.ok(queue.size <= 3, `holds ${queue.size}`);
    seen.push((await queue.shift())!);
  }
  assert.deepEqual(await Promise.all(writers), Array(50).fill(true));
  assert.deepEqual(seen.toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
});

Deno.test('BoundedQueue with "drop-oldest" makes room, counts and hands out what it drops', async () => {
  const dropped: number[] = [];
  const queue = new BoundedQueue<number>({
    capacity: 2,
    whenFull: "drop-oldest",
    onDrop: (item) => dropped.push(item),
  });
  for (let i = 0; i < 5; i++) assert.equal(await queue.push(i), true);
  assert.deepEqual([dropped, queue.dropped, queue.size], [[0, 1, 2], 3, 2]);
  assert.deepEqual([await queue.shift(), await queue.shift()], [3, 4]);
});

Deno.test("BoundedQueue gives waiting readers an item each", async () => {
  const queue = new BoundedQueue<string>({ capacity: 4, whenFull: "wait" });
  const readers = [queue.shift(), queue.shift()];
  await queue.push("a");
  await queue.push("b");
  assert.deepEqual((await Promise.all(readers)).toSorted(), ["a", "b"]);
});

Deno.test("BoundedQueue.close() lets the reader finish and drops what comes after", async () => {
  const dropped: number[] = [];
  const queue = new BoundedQueue<number>({
    capacity: 1,
    whenFull: "wait",
    onDrop: (item) => dropped.push(item),
  });
  await queue.push(1);
  const blocked = queue.push(2);
  queue.close();
  queue.close();
  assert.equal(await blocked, false);
  assert.equal(await queue.push(3), false);
  assert.deepEqual([dropped, queue.dropped, queue.closed], [[2, 3], 2, true]);
  assert.equal(await queue.shift(), 1);
  assert.equal(await queue.shift(), undefined);
  assert.equal(await queue.shift(), undefined);
});

Deno.test("BoundedQueue.close() ends a reader that waits", async () => {
  const queue = new BoundedQueue<number>({ capacity: 1, whenFull: "wait" });
  const reader = queue.shift();
  await settle();
  queue.close();
  assert.equal(await reader, undefined);
});

Deno.test("BoundedQueue.fail() throws its first error after the items held", async () => {
  const queue = new BoundedQueue<number>({ capacity: 2, whenFull: "wait" });
  await queue.push(1);
  queue.fail(new Error("first"));
  queue.fail(new Error("second"));
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const item of queue) seen.push(item);
  }, /first/);
  assert.deepEqual(seen, [1]);
});

Deno.test("BoundedQueue.clear() drops what is held and lets writers go on", async () => {
  const queue = new BoundedQueue<number>({ capacity: 2, whenFull: "wait" });
  await queue.push(1);
  await queue.push(2);
  const blocked = queue.push(3);
  queue.clear();
  assert.equal(await blocked, true);
  assert.deepEqual([queue.dropped, queue.size], [2, 1]);
  assert.equal(await queue.shift(), 3);
});

Deno.test("BoundedQueue can be iterated again after the loop was left", async () => {
  const queue = new BoundedQueue<number>({ capacity: 3, whenFull: "wait" });
  for (const item of [1, 2, 3]) await queue.push(item);
  for await (const item of queue) {
    assert.equal(item, 1);
    break;
  }
  queue.close();
  assert.deepEqual(await Array.fromAsync(queue), [2, 3]);
});

Deno.test("BoundedQueue refuses a capacity below one", () => {
  for (const capacity of [0, -1, NaN]) {
    assert.throws(() => new BoundedQueue({ capacity, whenFull: "wait" }), RangeError);
  }
});

Deno.test("BoundedQueue trims its oldest items, and lets writers go on", async () => {
  const dropped: number[] = [];
  const queue = new BoundedQueue<number>({
    capacity: 3,
    whenFull: "wait",
    onDrop: (item) => dropped.push(item),
  });
  for (const item of [1, 2, 3]) await queue.push(item);
  const fourth = queue.push(4);
  queue.trim(5);
  assert.deepEqual(dropped, []);
  queue.trim(1);
  assert.deepEqual(dropped, [1, 2]);
  assert.equal(await fourth, true);
  queue.close();
  assert.deepEqual([await queue.shift(), await queue.shift()], [3, 4]);
  assert.equal(queue.dropped, 2);
});

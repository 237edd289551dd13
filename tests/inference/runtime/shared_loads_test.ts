import assert from "node:assert/strict";
import { SharedLoads } from "../../../src/inference/runtime/shared_loads.ts";

/** A load that ends when it is told, and what became of it. */
class Rig {
  readonly disposed: string[] = [];
  readonly loads = new SharedLoads<string, number>((value) => {
    this.disposed.push(value);
    return Promise.resolve();
  });
  readonly started: PromiseWithResolvers<string>[] = [];
  signal: AbortSignal | undefined;
  progress: ((at: number) => void) | undefined;

  acquire(options: { signal?: AbortSignal; onProgress?: (at: number) => void } = {}) {
    return this.loads.acquire("key", {
      ...options,
      load: ({ signal, onProgress }) => {
        this.signal = signal;
        this.progress = onProgress;
        const ending = Promise.withResolvers<string>();
        this.started.push(ending);
        signal.addEventListener("abort", () => ending.reject(signal.reason));
        return ending.promise;
      },
    });
  }
}

Deno.test("SharedLoads loads once for all that ask, and disposes after the last", async () => {
  const rig = new Rig();
  const [one, other] = [rig.acquire(), rig.acquire()];
  assert.equal(rig.started.length, 1);
  rig.started[0]!.resolve("model");
  const holds = [await one, await other];
  assert.deepEqual(holds.map(({ core }) => core), ["model", "model"]);
  await holds[0]!.release();
  assert.deepEqual(rig.disposed, []);
  await holds[1]!.release();
  assert.deepEqual(rig.disposed, ["model"]);
});

Deno.test("SharedLoads goes on for others when one stops waiting", async () => {
  const rig = new Rig();
  const controller = new AbortController();
  const [one, other] = [rig.acquire({ signal: controller.signal }), rig.acquire()];
  controller.abort(new Error("enough"));
  await assert.rejects(one, /enough/);
  assert.equal(rig.signal!.aborted, false);
  rig.started[0]!.resolve("model");
  await (await other).release();
  assert.deepEqual(rig.disposed, ["model"]);
});

Deno.test("SharedLoads ends a load that nobody waits for", async () => {
  const rig = new Rig();
  const controller = new AbortController();
  const waiting = rig.acquire({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.equal(rig.signal!.aborted, true);
  assert.deepEqual(rig.disposed, []);
});

Deno.test("SharedLoads forgets a failed load", async () => {
  const rig = new Rig();
  const waiting = [rig.acquire(), rig.acquire()];
  rig.started[0]!.reject(new Error("broken"));
  for (const one of waiting) await assert.rejects(one, /broken/);
  const again = rig.acquire();
  assert.equal(rig.started.length, 2);
  rig.started[1]!.resolve("model");
  await (await again).release();
});

Deno.test("SharedLoads tells everybody who waits how far a load is", async () => {
  const rig = new Rig();
  const seen: number[][] = [[], []];
  const waiting = seen.map((list) => rig.acquire({ onProgress: (at) => list.push(at) }));
  rig.progress!(1);
  rig.started[0]!.resolve("model");
  for (const held of await Promise.all(waiting)) await held.release();
  rig.progress!(2);
  assert.deepEqual(seen, [[1], [1]]);
});

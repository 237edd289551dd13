import assert from "node:assert/strict";
import { queueLimit, ServiceTime } from "../../../src/session/video/service_time.ts";

/** A clock that a test sets, and calls that take what it says. */
class Calls {
  now = 1_000;
  readonly time = new ServiceTime(() => this.now);

  /** The first call says nothing. */
  constructor() {
    this.time.begin()(true);
  }

  /** One call after the other. */
  run(durationMs: number, count = 1): void {
    for (let i = 0; i < count; i++) {
      const end = this.time.begin();
      this.now += durationMs;
      end(true);
    }
  }
}

Deno.test("ServiceTime is 0 until something took time", () => {
  const { time } = new Calls();
  assert.deepEqual([time.finishedMs, time.currentMs], [0, 0]);
});

Deno.test("ServiceTime leaves the first call out, which warms up, and takes the second as it was", () => {
  const calls = new Calls();
  const cold = new ServiceTime(() => calls.now);
  const end = cold.begin();
  calls.now += 5_000;
  assert.equal(cold.currentMs, 0);
  end(true);
  assert.deepEqual([cold.finishedMs, cold.currentMs], [0, 0]);
  calls.run(80);
  assert.equal(calls.time.finishedMs, 80);
});

Deno.test("ServiceTime follows a processor that becomes slow, and fast again, within a few frames", () => {
  const calls = new Calls();
  calls.run(2, 50);
  calls.run(100, 3);
  assert.ok(calls.time.finishedMs > 85, `${calls.time.finishedMs} ms after three slow frames`);
  calls.run(2, 5);
  assert.ok(calls.time.finishedMs < 6, `${calls.time.finishedMs} ms after five fast frames`);
});

Deno.test("ServiceTime sees a call that is still running, and only for as long as that", () => {
  const calls = new Calls();
  calls.run(2, 10);
  const end = calls.time.begin();
  assert.equal(calls.time.currentMs, 2);
  calls.now += 400;
  assert.equal(calls.time.currentMs, 201);
  assert.equal(calls.time.finishedMs, 2);
  end(false);
  // A call that hung says nothing about those that answer.
  assert.deepEqual([calls.time.finishedMs, calls.time.currentMs], [2, 2]);
});

Deno.test("ServiceTime counts a second call by its age", () => {
  const calls = new Calls();
  calls.time.begin();
  calls.now += 250;
  assert.deepEqual([calls.time.finishedMs, calls.time.currentMs], [0, 250]);
});

Deno.test("ServiceTime shares a call's time with the calls that ran beside it", () => {
  const calls = new Calls();
  for (let i = 0; i < 10; i++) {
    const ends = [1, 2, 3, 4].map(() => calls.time.begin());
    calls.now += 100;
    for (const end of ends) end(true);
  }
  assert.equal(calls.time.finishedMs, 25);
  // Four may run at once, but one does.
  calls.run(100, 10);
  assert.ok(calls.time.finishedMs > 99, `${calls.time.finishedMs}`);
});

Deno.test("ServiceTime shares by how long calls overlap", () => {
  const calls = new Calls();
  const first = calls.time.begin();
  calls.now += 50;
  calls.time.begin();
  calls.now += 50;
  first(true);
  // One and a half calls ran on average.
  assert.ok(Math.abs(calls.time.finishedMs - 100 / 1.5) < 1e-9, `${calls.time.finishedMs}`);
});

Deno.test("ServiceTime ignores time in which nothing runs", () => {
  const calls = new Calls();
  for (let i = 0; i < 5; i++) {
    calls.run(10);
    calls.now += 1_000;
  }
  assert.equal(calls.time.currentMs, 10);
});

Deno.test("queueLimit lets as many frames wait as fit the budget, from one to the most", () => {
  const limit = (serviceMs: number): number => queueLimit(serviceMs, { budgetMs: 150, most: 30 });
  assert.equal(limit(0), 30);
  assert.equal(limit(0.01), 30);
  assert.equal(limit(5), 30);
  assert.equal(limit(10), 15);
  assert.equal(limit(100), 1);
  assert.equal(limit(5_000), 1);
});

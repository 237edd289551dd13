import assert from "node:assert/strict";
import { pauseOn, schedulePatiently, systemClock, withTimeout } from "../../src/base/clock.ts";
import { ManualClock } from "../trickle/manual_clock.ts";

Deno.test("schedulePatiently() calls after the whole time", () => {
  const clock = new ManualClock();
  let calls = 0;
  schedulePatiently(clock, 1000, () => calls++);
  clock.advance(999);
  assert.equal(calls, 0);
  clock.advance(1);
  assert.equal(calls, 1);
  clock.advance(5000);
  assert.equal(calls, 1);
});

Deno.test("schedulePatiently() takes time in which the process did not run for a tenth at most", () => {
  const clock = new ManualClock();
  let calls = 0;
  schedulePatiently(clock, 1000, () => calls++);
  clock.advance(250);
  clock.block(60_000);
  clock.advance(0);
  assert.equal(calls, 0);
  clock.advance(699);
  assert.equal(calls, 0);
  clock.advance(1);
  assert.equal(calls, 1);
});

Deno.test("schedulePatiently() can be cancelled at any time, also after the call", () => {
  const clock = new ManualClock();
  let calls = 0;
  for (const ms of [0, 150, 1000]) {
    const cancel = schedulePatiently(clock, 1000, () => calls++);
    clock.advance(ms);
    cancel();
    clock.advance(2000);
    cancel();
  }
  assert.equal(calls, 1);
  assert.deepEqual(clock.delays, []);
});

/** What the timers of the runtime take for 1 ms. */
const LONG_WAITS_MS = [Infinity, 2 ** 31, 1e12];

Deno.test("systemClock and all that waits by it know waits that are too long for a timer", async () => {
  const ended: string[] = [];
  const giveUp = new AbortController();
  const pauses: Promise<void>[] = [];
  const cancels = LONG_WAITS_MS.flatMap((delayMs) => {
    pauses.push(
      pauseOn(systemClock, delayMs, giveUp.signal).then(() => {
        if (!giveUp.signal.aborted) ended.push(`pauseOn ${delayMs}`);
      }),
    );
    return [
      systemClock.schedule(delayMs, () => ended.push(`schedule ${delayMs}`)),
      schedulePatiently(
        systemClock,
        delayMs * 10,
        () => ended.push(`schedulePatiently ${delayMs}`),
      ),
    ];
  });
  // Timers of the same length run in the order in which they were started.
  for (let count = 0; count < 20; count++) await pauseOn(systemClock, 1);
  assert.deepEqual(ended, []);
  for (const cancel of cancels) cancel();
  giveUp.abort();
  await Promise.all(pauses);
});

Deno.test("withTimeout() gives what comes in time, also where there is no limit", async () => {
  for (const timeoutMs of [1000, ...LONG_WAITS_MS]) {
    const value = pauseOn(systemClock, 5).then(() => "value");
    assert.equal(await withTimeout(value, timeoutMs), "value");
  }
});

Deno.test("withTimeout() rejects when it takes too long, and leaves no timer behind", async () => {
  const clock = new ManualClock();
  const late = withTimeout(new Promise(() => {}), 500, clock);
  clock.advance(500);
  await assert.rejects(late, { name: "TimeoutError", message: /500 ms/ });
  await assert.rejects(withTimeout(Promise.reject(new Error("own")), 500, clock), /own/);
  assert.deepEqual(clock.delays, []);
});

import assert from "node:assert/strict";
import { schedulePatiently } from "../../src/base/clock.ts";
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

/** What calls owe the event loop, with a clock that the test moves: `advance` turns the loop, `block` does not. */

import assert from "node:assert/strict";
import { LoopBreath } from "../../../src/session/video/loop_breath.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";

Deno.test("LoopBreath owes a tenth of the time that a call blocked the loop", () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  const watched = breath.watch();
  clock.block(80);
  watched();
  assert.equal(breath.owedMs, 8);
  assert.equal(breath.take(), 8);
  assert.equal(breath.owedMs, 0);
});

Deno.test("LoopBreath owes nothing for short calls, and not much for long ones", () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  for (const [ms, owedMs] of [[9, 0], [60_000, 20]] as const) {
    const watched = breath.watch();
    clock.block(ms);
    watched();
    assert.equal(breath.take(), owedMs);
  }
});

Deno.test("LoopBreath owes nothing for a call that waits, and then looks no more", () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  const watched = breath.watch();
  clock.advance(200);
  watched();
  assert.equal(breath.owedMs, 0);
  assert.deepEqual(clock.delays, []);
});

Deno.test("LoopBreath finds where a call blocks between its waits", () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  const watched = breath.watch();
  clock.advance(20);
  clock.block(100);
  clock.advance(20);
  watched();
  assert.equal(breath.owedMs, 10);
});

Deno.test("LoopBreath sees a call that only awaits what is there already", async () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  const watched = breath.watch();
  await Promise.resolve();
  clock.block(50);
  watched();
  assert.equal(breath.owedMs, 5);
});

Deno.test("LoopBreath counts time under several calls once", () => {
  const clock = new ManualClock();
  const breath = new LoopBreath(clock);
  const first = breath.watch();
  const second = breath.watch();
  clock.block(100);
  first();
  second();
  assert.equal(breath.owedMs, 10);
});

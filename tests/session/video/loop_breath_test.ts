import assert from "node:assert/strict";
import { LoopBreath } from "../../../src/session/video/loop_breath.ts";
import { delay } from "../../waiting.ts";

Deno.test("LoopBreath owes a tenth of the time that a call blocked the loop", () => {
  let now = 0;
  const breath = new LoopBreath(() => now);
  const watched = breath.watch();
  now += 80;
  watched();
  assert.equal(breath.owedMs, 8);
  assert.equal(breath.take(), 8);
  assert.equal(breath.owedMs, 0);
});

Deno.test("LoopBreath owes nothing for short calls, and not much for long ones", () => {
  let now = 0;
  const breath = new LoopBreath(() => now);
  for (const [ms, owedMs] of [[9, 0], [60_000, 20]] as const) {
    const watched = breath.watch();
    now += ms;
    watched();
    assert.equal(breath.take(), owedMs);
  }
});

Deno.test("LoopBreath owes nothing for a call that waits", async () => {
  const breath = new LoopBreath();
  const watched = breath.watch();
  await delay(200);
  watched();
  // A busy machine may stop this process for a moment.
  assert.ok(breath.owedMs < 10, `${breath.owedMs}`);
});

Deno.test("LoopBreath finds where a call blocks between its waits", async () => {
  const breath = new LoopBreath();
  const watched = breath.watch();
  await delay(20);
  const endMs = performance.now() + 100;
  while (performance.now() < endMs);
  await delay(20);
  watched();
  assert.ok(breath.owedMs >= 9, `${breath.owedMs}`);
});

Deno.test("LoopBreath sees a call that only awaits what is there already", async () => {
  let now = 0;
  const breath = new LoopBreath(() => now);
  const watched = breath.watch();
  await Promise.resolve();
  now += 50;
  watched();
  assert.equal(breath.owedMs, 5);
});

Deno.test("LoopBreath counts time under several calls once", () => {
  let now = 0;
  const breath = new LoopBreath(() => now);
  const first = breath.watch();
  const second = breath.watch();
  now += 100;
  first();
  second();
  assert.equal(breath.owedMs, 10);
});

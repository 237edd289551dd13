import assert from "node:assert/strict";
import { LoopBreath } from "../../src/session/loop_breath.ts";

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
  for (const [ms, owedMs] of [[4, 0], [60_000, 20]] as const) {
    const watched = breath.watch();
    now += ms;
    watched();
    assert.equal(breath.take(), owedMs);
  }
});

Deno.test("LoopBreath owes nothing for a call in which the loop turned", async () => {
  let now = 0;
  const breath = new LoopBreath(() => now);
  const watched = breath.watch();
  await new Promise((resolve) => setTimeout(resolve, 2));
  now += 500;
  watched();
  assert.equal(breath.owedMs, 0);
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

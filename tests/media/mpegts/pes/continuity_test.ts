import assert from "node:assert/strict";
import { ContinuityCounter } from "../../../../src/media/mpegts/pes/continuity.ts";

/** Takes counters, and returns those at which packets were missing. */
function gapsOf(counter: ContinuityCounter, values: readonly number[]): number[] {
  return values.filter((value) => counter.take(value & 15, false) !== "follows" && counter.isGap());
}

function count(from: number, packets: number): number[] {
  return Array.from({ length: packets }, (_, index) => from + index);
}

Deno.test("ContinuityCounter believes gaps of a sender that was seen to count", () => {
  const counter = new ContinuityCounter();
  assert.deepEqual(gapsOf(counter, [...count(9, 20), ...count(31, 20)]), [31]);
});

Deno.test("ContinuityCounter does not believe the gaps of senders that do not count", () => {
  assert.deepEqual(gapsOf(new ContinuityCounter(), Array(100).fill(0)), []);
  const random = Array.from({ length: 100 }, (_, index) => index * 7 ^ index >> 2);
  assert.deepEqual(gapsOf(new ContinuityCounter(), random), []);
  // A sender that stops counting is believed for a while.
  const stopped = [...count(0, 20), ...Array(100).fill(3)];
  assert.equal(gapsOf(new ContinuityCounter(), stopped).length, 7);
});

Deno.test("ContinuityCounter finds out whether packets without payload count", () => {
  const counts = new ContinuityCounter();
  gapsOf(counts, count(0, 10));
  counts.field(10);
  assert.equal(counts.take(11, false), "follows");
  const standsStill = new ContinuityCounter();
  gapsOf(standsStill, count(0, 10));
  standsStill.field(9);
  assert.equal(standsStill.take(10, false), "follows");
  // The packet with payload before this one is missing.
  standsStill.field(11);
  assert.equal(standsStill.take(12, false), "gap");
});

Deno.test("ContinuityCounter takes counters that begin anew with each PES packet", () => {
  const counter = new ContinuityCounter();
  for (const packets of [5, 9, 1, 1, 20, 4]) {
    assert.equal(counter.take(3, true) !== "follows" && counter.isGap(), false);
    for (const value of count(4, packets - 1)) {
      assert.equal(counter.take(value & 15, false), "follows");
    }
  }
  const right = new ContinuityCounter();
  assert.equal(right.take(3, true), "follows");
  for (const value of count(4, 9)) right.take(value, false);
  assert.equal(right.take(13, true), "follows");
  for (const value of count(14, 9)) right.take(value & 15, false);
  assert.equal(right.take(13, true), "gap");
  assert.equal(right.isGap(), true);
});

import assert from "node:assert/strict";
import { PresentationTimes } from "../../../../src/media/mpegts/tracks/presentation_times.ts";

const IDR = { order: 0, startsOrder: true };
const at = (order: number): { order: number; startsOrder: boolean } => ({
  order,
  startsOrder: false,
});

Deno.test("PresentationTimes places B-frames between the pictures that have times", () => {
  const times = new PresentationTimes(2);
  times.note(IDR, 9000);
  times.note(at(8), 9000 + 4 * 3600);
  assert.deepEqual([4, 2, 6].map((order) => times.predict(at(order))), [16_200, 12_600, 19_800]);
});

Deno.test("PresentationTimes goes by the parameter set until the stream's own times tell", () => {
  const times = new PresentationTimes(2);
  times.codedFrameTicks = 3000;
  times.note(IDR, 9000);
  assert.equal(times.predict(at(4)), 15_000);
  // The stream is slower than its parameter set says.
  times.note(at(4), 9000 + 2 * 6000);
  assert.equal(times.predict(at(8)), 9000 + 4 * 6000);
  // A difference as small as rounding makes is none.
  const exact = new PresentationTimes(2);
  exact.codedFrameTicks = 3003;
  exact.note(IDR, 9000);
  exact.note(at(2), 12_004);
  assert.equal(exact.predict(at(200)), 12_004 + 99 * 3003);
});

Deno.test("PresentationTimes knows nothing of a single time without a rate", () => {
  const times = new PresentationTimes(2);
  assert.equal(times.predict(IDR), undefined);
  times.note(IDR, 9000);
  assert.equal(times.predict(at(2)), undefined);
  assert.equal(times.frameTicks, 0);
});

Deno.test("PresentationTimes lets an order that starts anew follow the latest picture", () => {
  const times = new PresentationTimes(1);
  times.note(IDR, 9000);
  times.note(at(4), 9000 + 4 * 3600);
  times.assume(at(2), times.predict(at(2))!);
  const next = times.predict(IDR);
  assert.equal(next, 9000 + 5 * 3600);
  times.assume(IDR, next!);
  assert.equal(times.predict(at(3)), next! + 3 * 3600);
});

Deno.test("PresentationTimes finds the rate from one start of the order to the next", () => {
  const times = new PresentationTimes(2);
  times.note(IDR, 9000);
  // Four frames, of which nothing tells the times, and the next start.
  times.bridge([at(6), at(2), at(4), IDR], 9000 + 4 * 3600);
  assert.deepEqual([6, 2, 4].map((order) => times.predict(at(order))), [19_800, 12_600, 16_200]);
});

Deno.test("PresentationTimes takes a jump of the times for a new start", () => {
  const times = new PresentationTimes(2);
  times.note(IDR, 900_000);
  times.note(at(2), 903_600);
  times.note(at(4), 9000);
  times.note(at(6), 12_600);
  assert.equal(times.predict(at(10)), 19_800);
  assert.equal(times.predict(IDR), 16_200);
});

Deno.test("PresentationTimes goes by decoding order where there is no count", () => {
  const times = new PresentationTimes(2);
  times.codedFrameTicks = 3000;
  times.note({ order: undefined, startsOrder: false }, 9000);
  assert.equal(times.predict({ order: undefined, startsOrder: false }), 12_000);
});

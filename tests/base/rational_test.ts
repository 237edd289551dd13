import assert from "node:assert/strict";
import {
  MPEG_TIME_BASE,
  type Rational,
  rescaleTicks,
  secondsToTicks,
  ticksToSeconds,
} from "../../src/base/mod.ts";

const NTSC: Rational = { num: 1001, den: 30_000 };
const NANOSECONDS: Rational = { num: 1, den: 1_000_000_000 };

/** The nearest tick, halves upwards, in exact arithmetic. */
function exactRescale(ticks: number, from: Rational, to: Rational): number {
  const num = BigInt(ticks) * BigInt(from.num) * BigInt(to.den);
  const den = BigInt(from.den) * BigInt(to.num);
  const doubled = 2n * num + den;
  let quotient = doubled / (2n * den);
  if (doubled < 0n && doubled % (2n * den) !== 0n) quotient -= 1n;
  return Number(quotient);
}

Deno.test("ticksToSeconds() and secondsToTicks() are each other's inverse", () => {
  for (const ticks of [0, 1, -1, 89_999, 2 ** 33 - 1]) {
    assert.equal(secondsToTicks(ticksToSeconds(ticks, MPEG_TIME_BASE), MPEG_TIME_BASE), ticks);
  }
  assert.equal(ticksToSeconds(30, NTSC), 1.001);
});

Deno.test("rescaleTicks() rounds to the nearest tick, halves upwards", () => {
  const halves: Rational = { num: 1, den: 2 };
  const ones: Rational = { num: 1, den: 1 };
  assert.deepEqual([1, 2, 3, -1, -3].map((t) => rescaleTicks(t, halves, ones) + 0), [
    1,
    1,
    2,
    0,
    -1,
  ]);
  assert.equal(rescaleTicks(1, NTSC, MPEG_TIME_BASE), 3003);
  assert.equal(rescaleTicks(3003, MPEG_TIME_BASE, NTSC), 1);
});

Deno.test("rescaleTicks() leaves ticks of equal time bases alone", () => {
  assert.equal(rescaleTicks(12_345, { num: 2, den: 180_000 }, MPEG_TIME_BASE), 12_345);
});

Deno.test("rescaleTicks() is exact where the product exceeds 2^53", () => {
  let state = 1;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 500; i++) {
    const ticks = Math.round((random() - 0.5) * 2 ** 50);
    const bases: [Rational, Rational][] = [
      [MPEG_TIME_BASE, NANOSECONDS],
      [NANOSECONDS, MPEG_TIME_BASE],
      [NTSC, MPEG_TIME_BASE],
      [MPEG_TIME_BASE, NTSC],
    ];
    for (const [from, to] of bases) {
      assert.equal(
        rescaleTicks(ticks, from, to),
        exactRescale(ticks, from, to),
        `${ticks} ${JSON.stringify(from)} ${JSON.stringify(to)}`,
      );
    }
  }
});

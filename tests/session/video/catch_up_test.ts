import assert from "node:assert/strict";
import { LiveEdge } from "../../../src/session/input/live_edge.ts";
import { CatchUp } from "../../../src/session/video/catch_up.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";

const FRAME_MS = 40;
const TICKS_PER_MS = 90;
const GRACE_MS = 250;

/** A stream that was joined when so many pictures were there. */
class Stream {
  readonly clock = new ManualClock();
  readonly #edge = new LiveEdge(() => this.clock.now());
  readonly #catchUp = new CatchUp({
    edge: this.#edge,
    graceMs: GRACE_MS,
    now: () => this.clock.now(),
  });
  #arrived = 0;
  #nextArrivalMs = 0;
  /** Pictures that were asked about. */
  taken = 0;
  readonly passed: number[] = [];

  constructor(backlog: number) {
    for (let i = 0; i < backlog; i++) this.#arrive();
  }

  /** Pictures are asked about for so long, each after as long as its work takes. */
  run(ms: number, work: { readonly passedMs: number; readonly skippedMs: number }): void {
    const endMs = this.clock.now() + ms;
    while (this.clock.now() < endMs) {
      if (this.taken === this.#arrived) this.advance(this.#nextArrivalMs - this.clock.now());
      const isSkipped = this.#catchUp.skips(this.taken * FRAME_MS * TICKS_PER_MS);
      if (!isSkipped) this.passed.push(this.taken);
      this.taken++;
      this.advance(isSkipped ? work.skippedMs : work.passedMs);
    }
  }

  /** Time goes by, in which pictures come. */
  advance(ms: number): void {
    const endMs = this.clock.now() + ms;
    for (; this.#nextArrivalMs <= endMs; this.#nextArrivalMs += FRAME_MS) {
      this.clock.advance(this.#nextArrivalMs - this.clock.now());
      this.#arrive();
    }
    this.clock.advance(endMs - this.clock.now());
  }

  get behind(): number {
    return this.#arrived - this.taken;
  }

  #arrive(): void {
    const ticks = this.#arrived++ * FRAME_MS * TICKS_PER_MS;
    const data = new Uint8Array(1);
    this.#edge.arrived({ kind: "video", ptsTicks: ticks, dtsTicks: ticks, keyframe: false, data });
  }
}

Deno.test("CatchUp lets a backlog pass that is worked off soon", () => {
  const stream = new Stream(25);
  stream.run(2_000, { passedMs: 4, skippedMs: 1 });
  assert.equal(stream.passed.length, stream.taken);
});

Deno.test("CatchUp passes over what is left of the backlog, and nothing after it", () => {
  const stream = new Stream(50);
  stream.run(1_000, { passedMs: 30, skippedMs: 4 });
  assert.ok(stream.behind <= 1, `${stream.behind} wait`);
  const skipped = stream.taken - stream.passed.length;
  assert.ok(skipped > 30 && skipped < 60, `${skipped} of ${stream.taken} were passed over`);
  assert.equal(stream.passed[0], 0, "there is something to see at once");
  stream.run(5_000, { passedMs: 30, skippedMs: 4 });
  assert.equal(stream.taken - stream.passed.length, skipped);
});

Deno.test("CatchUp lets some pictures pass where decoding alone is too slow", () => {
  const stream = new Stream(50);
  stream.run(10_000, { passedMs: 50, skippedMs: 45 });
  const gaps = stream.passed.slice(1).map((picture, i) => picture - stream.passed[i]!);
  // 200 ms and the work of one.
  assert.ok(Math.max(...gaps) <= 6, `${gaps}`);
});

Deno.test("CatchUp passes over what piles up on a machine that is busy for a while", () => {
  const stream = new Stream(1);
  stream.run(2_000, { passedMs: 10, skippedMs: 4 });
  assert.equal(stream.passed.length, stream.taken);
  stream.run(3_000, { passedMs: 60, skippedMs: 4 });
  assert.ok(stream.behind < 10, `${stream.behind} wait`);
  stream.run(1_000, { passedMs: 10, skippedMs: 4 });
  const { taken } = stream;
  const passed = stream.passed.length;
  stream.run(2_000, { passedMs: 10, skippedMs: 4 });
  assert.equal(stream.passed.length - passed, stream.taken - taken);
});

import assert from "node:assert/strict";
import { LiveEdge } from "../../../src/session/input/live_edge.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";

const FRAME_MS = 40;
const TICKS_PER_MS = 90;

/** An input whose pictures arrive when the test says so. */
class Input {
  readonly clock = new ManualClock();
  readonly edge = new LiveEdge(() => this.clock.now());
  #next = 0;

  /** Pictures arrive, each so long after the one before. */
  arrive(count: number, everyMs = FRAME_MS): void {
    for (let i = 0; i < count; i++) {
      this.clock.advance(everyMs);
      const ticks = this.#next++ * FRAME_MS * TICKS_PER_MS;
      const data = new Uint8Array(1);
      this.edge.arrived({ kind: "video", ptsTicks: ticks, dtsTicks: ticks, keyframe: true, data });
    }
  }

  /** The clock of the input jumps by so many milliseconds. */
  jump(byMs: number): void {
    this.#next += byMs / FRAME_MS;
  }

  /** How far a picture is behind the newest, in pictures. */
  behind(picture: number): number {
    return this.edge.behindMs(picture * FRAME_MS * TICKS_PER_MS) / FRAME_MS;
  }
}

Deno.test("LiveEdge measures from the newest picture where they come in real time", () => {
  const input = new Input();
  input.arrive(10);
  assert.equal(input.behind(9), 0);
  assert.equal(input.behind(2), 7);
});

Deno.test("LiveEdge says nothing of pictures that come at once", () => {
  const input = new Input();
  input.arrive(50, 0);
  assert.equal(input.behind(0), 0);
});

Deno.test("LiveEdge measures a backlog once what follows comes in real time", () => {
  const input = new Input();
  input.arrive(25, 0);
  input.arrive(1);
  assert.equal(input.behind(0), 0);
  input.arrive(2);
  assert.equal(input.behind(0), 27);
});

Deno.test("LiveEdge says nothing of an input that comes in bursts", () => {
  const input = new Input();
  for (let burst = 0; burst < 5; burst++) {
    for (let picture = 0; picture < 50; picture++) {
      input.arrive(1, 1);
      assert.equal(input.behind(burst * 50), 0);
    }
    input.clock.advance(50 * FRAME_MS - 50);
  }
});

Deno.test("LiveEdge begins anew where the clock of the input jumps", () => {
  for (const byMs of [3_600_000, -60_000]) {
    const input = new Input();
    input.jump(100_000);
    input.arrive(10);
    input.jump(byMs);
    input.arrive(1);
    assert.equal(input.behind(2_500 + byMs / FRAME_MS), 0);
    input.arrive(9);
    assert.equal(input.behind(2_510 + byMs / FRAME_MS), 9);
  }
});

Deno.test("LiveEdge gets used to an input whose clock is slow, and to a delay that has grown", () => {
  const slow = new Input();
  slow.arrive(50_000, FRAME_MS * 1.001);
  assert.equal(slow.behind(49_989), 10);

  const delayed = new Input();
  delayed.arrive(100);
  delayed.clock.advance(500);
  delayed.arrive(100);
  assert.equal(delayed.behind(189), 0);
  delayed.arrive(1_200);
  assert.equal(delayed.behind(1_389), 10);
});

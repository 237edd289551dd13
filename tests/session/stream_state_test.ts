import assert from "node:assert/strict";
import {
  isActive,
  nextState,
  type StreamState,
  type StreamStep,
} from "../../src/session/stream_state.ts";

const STATES: readonly StreamState[] = ["opening", "loading", "running", "draining", "ended"];
const STEPS: readonly StreamStep[] = ["start", "ready", "end", "over"];

Deno.test("a stream only moves on, and ends from every state", () => {
  for (const state of STATES) {
    for (const step of STEPS) {
      const next = nextState(state, step);
      assert.ok(STATES.indexOf(next) >= STATES.indexOf(state), `${state} ${step}`);
    }
    assert.equal(nextState(state, "over"), "ended");
    assert.equal(nextState("ended", "start"), "ended");
  }
});

Deno.test("a stream goes from its start over the processor to its end", () => {
  assert.deepEqual(
    STEPS.reduce<StreamState[]>((all, step) => [...all, nextState(all.at(-1)!, step)], ["opening"]),
    STATES,
  );
});

Deno.test("a processor that is ready too late does not start a stream again", () => {
  assert.equal(nextState("draining", "ready"), "draining");
  assert.equal(nextState("opening", "ready"), "opening");
});

Deno.test("a stream reads from its start to its end", () => {
  assert.deepEqual(STATES.filter(isActive), ["loading", "running"]);
});

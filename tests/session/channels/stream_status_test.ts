/** The state of a stream, from samples of its counters at times that the tests choose. */

import assert from "node:assert/strict";
import {
  type StatusSample,
  StreamStatusTracker,
} from "../../../src/session/channels/stream_status.ts";

const START_MS = 1_700_000_000_000;

/** Takes a sample each second: what came in and went out in it. */
class Timeline {
  readonly tracker: StreamStatusTracker;
  #sample: StatusSample = {
    nowMs: START_MS,
    phase: "running",
    unit: "video",
    unitsIn: 0,
    unitsDone: 0,
    unitsSkipped: 0,
    restarts: 0,
  };

  constructor(hasInput = true) {
    this.tracker = new StreamStatusTracker({ pipeline: "test", startMs: START_MS, hasInput });
    this.tracker.observe(this.#sample);
  }

  get nowMs(): number {
    return this.#sample.nowMs;
  }

  seconds(count: number, rate: { in?: number; done?: number; skipped?: number } = {}): this {
    for (let i = 0; i < count; i++) {
      const { nowMs, unitsIn, unitsDone, unitsSkipped } = this.#sample;
      this.set({
        nowMs: nowMs + 1_000,
        unitsIn: unitsIn + (rate.in ?? 0),
        unitsDone: unitsDone + (rate.done ?? 0),
        unitsSkipped: unitsSkipped + (rate.skipped ?? 0),
      });
    }
    return this;
  }

  set(changes: Partial<StatusSample>): boolean {
    this.#sample = { ...this.#sample, ...changes };
    return this.tracker.observe(this.#sample);
  }
}

Deno.test("a stream is LOADING until its processor is ready, OFFLINE until something comes in", () => {
  const tracker = new StreamStatusTracker({ pipeline: "x", startMs: START_MS, hasInput: true });
  assert.equal(tracker.state, "LOADING");
  const line = new Timeline();
  line.set({ phase: "loading" });
  assert.equal(line.tracker.state, "LOADING");
  line.set({ phase: "running" });
  assert.equal(line.tracker.state, "OFFLINE");
});

Deno.test("a stream whose frames go out as they come in is ONLINE, with its rates", () => {
  const { tracker } = new Timeline().seconds(10, { in: 30, done: 29 });
  assert.equal(tracker.state, "ONLINE");
  const status = tracker.status();
  assert.equal(status.input_status.fps, 30);
  assert.equal(status.inference_status.fps, 29);
  assert.equal(status.input_status.last_input_time, START_MS + 10_000);
  assert.equal(status.inference_status.last_output_time, START_MS + 10_000);
  assert.equal(status.start_time, START_MS);
  assert.equal(status.last_state_update_time, START_MS + 1_000);
});

Deno.test("an input that falls silent or slow is DEGRADED_INPUT, and ONLINE when it is back", () => {
  const line = new Timeline().seconds(20, { in: 30, done: 30 });
  line.seconds(2);
  assert.equal(line.tracker.state, "ONLINE");
  line.seconds(1);
  assert.equal(line.tracker.state, "DEGRADED_INPUT");
  line.seconds(8, { in: 30, done: 30 });
  assert.equal(line.tracker.state, "ONLINE");
  line.seconds(6, { in: 10, done: 10 });
  assert.equal(line.tracker.state, "DEGRADED_INPUT");
});

Deno.test("an output that falls behind is DEGRADED_INFERENCE; what the rate cap skips is not due", () => {
  const line = new Timeline().seconds(6, { in: 30, done: 20 });
  assert.equal(line.tracker.state, "DEGRADED_INFERENCE");
  assert.equal(
    new Timeline().seconds(6, { in: 60, done: 24, skipped: 36 }).tracker.state,
    "ONLINE",
  );
  line.seconds(8, { in: 30, done: 30 });
  assert.equal(line.tracker.state, "ONLINE");
  line.seconds(3, { in: 30 });
  assert.equal(line.tracker.state, "DEGRADED_INFERENCE");
});

Deno.test("what a server has kept comes at once, and makes neither input nor processor slow", () => {
  const line = new Timeline();
  const states = new Set<string>();
  line.seconds(1, { in: 300, done: 20 });
  for (let second = 0; second < 60; second++) {
    line.seconds(1, { in: 30, done: 30 });
    states.add(line.tracker.state);
  }
  assert.deepEqual([...states], ["ONLINE"]);
});

Deno.test("an input that stays at another rate is not slow for ever", () => {
  const line = new Timeline().seconds(60, { in: 60, done: 60 });
  line.seconds(30, { in: 24, done: 24 });
  assert.equal(line.tracker.state, "DEGRADED_INPUT");
  line.seconds(120, { in: 24, done: 24 });
  assert.equal(line.tracker.state, "ONLINE");
});

Deno.test("sound before the first picture is not compared with pictures", () => {
  const line = new Timeline();
  line.set({ unit: "audio" });
  line.seconds(10, { in: 50, done: 50 });
  line.set({ unit: "video", unitsIn: 0, unitsDone: 0 });
  for (let second = 0; second < 30; second++) {
    line.seconds(1, { in: 25, done: 25 });
    assert.equal(line.tracker.state, "ONLINE");
    const { input_status, inference_status } = line.tracker.status();
    assert.ok(input_status.fps >= 0 && input_status.fps <= 25);
    assert.ok(inference_status.fps >= 0 && inference_status.fps <= 25);
  }
});

Deno.test("an error beside the media does not make a silent processor an ERROR", () => {
  const line = new Timeline().seconds(6, { in: 30, done: 30 });
  line.tracker.noteError("Cannot use control message 3", line.nowMs, false);
  line.seconds(3, { in: 30 });
  assert.equal(line.tracker.state, "DEGRADED_INFERENCE");
  assert.match(line.tracker.status().inference_status.last_error!, /control message/);
});

Deno.test("frames that come in while all fail are an ERROR, until one goes out", () => {
  const line = new Timeline().seconds(6, { in: 30, done: 30 });
  line.seconds(1, { in: 30 });
  line.tracker.noteError("the processor threw", line.nowMs, true);
  line.seconds(2, { in: 30 });
  assert.equal(line.tracker.state, "ERROR");
  const { inference_status } = line.tracker.status();
  assert.equal(inference_status.last_error, "the processor threw");
  assert.equal(inference_status.last_error_time, START_MS + 7_000);
  line.seconds(8, { in: 30, done: 30 });
  assert.equal(line.tracker.state, "ONLINE");
  assert.equal(line.tracker.status().inference_status.last_error, "the processor threw");
});

Deno.test("a stream without an input is ONLINE though nothing comes in", () => {
  assert.equal(new Timeline(false).seconds(20).tracker.state, "ONLINE");
});

Deno.test("the end of a stream is OFFLINE, or ERROR where it failed", () => {
  const ended = new Timeline().seconds(3, { in: 30, done: 30 });
  assert.equal(ended.set({ phase: "ended" }), true);
  assert.equal(ended.tracker.state, "OFFLINE");
  const failed = new Timeline().seconds(3, { in: 30, done: 30 });
  failed.set({ phase: "failed" });
  assert.equal(failed.tracker.state, "ERROR");
});

Deno.test("parameters are told with a hash that tells them apart, restarts with their cause", () => {
  const line = new Timeline();
  const { tracker } = line;
  assert.equal(tracker.status().inference_status.last_params_hash, null);
  tracker.noteParams({ a: 1 }, START_MS);
  const first = tracker.status().inference_status;
  assert.deepEqual(first.last_params, { a: 1 });
  assert.match(first.last_params_hash!, /^[0-9a-f]{64}$/);
  tracker.noteParams({ a: 2 }, START_MS + 5);
  const second = tracker.status().inference_status;
  assert.notEqual(second.last_params_hash, first.last_params_hash);
  assert.equal(second.last_params_update_time, START_MS + 5);
  assert.deepEqual([second.restart_count, second.last_restart_time], [0, null]);
  tracker.noteError("the encoder died", START_MS + 6, true);
  line.set({ nowMs: START_MS + 1_000, restarts: 1 });
  const { restart_count, last_restart_time, last_restart_logs } = tracker.status().inference_status;
  assert.deepEqual(
    { restart_count, last_restart_time, last_restart_logs },
    {
      restart_count: 1,
      last_restart_time: START_MS + 1_000,
      last_restart_logs: ["the encoder died"],
    },
  );
});

Deno.test("parameters that are no JSON, or too many, do no harm to the status", () => {
  const tracker = new StreamStatusTracker({ pipeline: "test", startMs: 0, hasInput: true });
  tracker.noteParams({ seed: 12345678901234567890n }, 1);
  assert.deepEqual(tracker.status().inference_status.last_params, { seed: "12345678901234567890" });
  tracker.noteParams({ workflow: "x".repeat(40_000) }, 2);
  const { last_params, last_params_hash } = tracker.status().inference_status;
  assert.equal(last_params, null);
  assert.match(last_params_hash ?? "", /^[0-9a-f]{64}$/);
  assert.ok(JSON.stringify(tracker.status()).length < 1_000);
});

Deno.test("a processor beside which frames are copied may get some of them, but not none", () => {
  const line = new Timeline();
  line.set({ mayLag: true });
  line.seconds(20, { in: 30, done: 10 });
  assert.equal(line.tracker.state, "ONLINE");
  assert.equal(line.tracker.status().inference_status.fps, 10);
  line.seconds(3, { in: 30 });
  assert.equal(line.tracker.state, "DEGRADED_INFERENCE");
});

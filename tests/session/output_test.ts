/** What a session does about an output that fails. */

import assert from "node:assert/strict";
import { TrickleError } from "../../src/base/mod.ts";
import { movedClip, silentClip, testClip } from "./clips.ts";
import { MemorySink, type SinkScript } from "./in_memory.ts";
import { Rig } from "./rig.ts";
import { within } from "../waiting.ts";

function failedSegment(): TrickleError {
  return new TrickleError("TRICKLE_SEGMENT_FAILED", "Cannot write segment 1: the server hung up");
}

Deno.test("a segment that fails costs the rest of its pictures, and the next one goes on", async () => {
  const clip = await testClip({ seconds: 2 });
  const rig = new Rig({
    audioCodec: "source",
    script: {
      onWrite: (seq, write) => {
        if (seq === 1 && write >= 5) throw failedSegment();
      },
    },
  });
  assert.equal((await rig.run(clip)).reason, "input-ended");
  assert.deepEqual(rig.errors, ["output: Cannot write segment 1: the server hung up"]);
  assert.deepEqual(rig.sink.segments.map(({ outcome }) => outcome), [
    "closed",
    "abandoned",
    "closed",
    "closed",
  ]);
  const whole = [...clip.videoTicks.slice(0, 10), ...clip.videoTicks.slice(20)];
  assert.deepEqual(rig.videoTicks, whole);
  const metrics = rig.session.metrics();
  const { frames_out, frames_dropped_by_reason, error_count } = metrics;
  // What was written of the segment before it failed counts as out.
  assert.ok(frames_out > 30 && frames_out < 40, `${frames_out} frames out`);
  assert.deepEqual(frames_dropped_by_reason, { output: 40 - frames_out });
  assert.equal(metrics.segments_lost, 1);
  assert.equal(metrics.frames_lost, frames_out - whole.length);
  assert.equal(error_count, 1);
});

Deno.test("a segment that is not stored at its end is an error, and the next one goes on", async () => {
  const clip = await silentClip();
  const rig = new Rig({
    script: {
      onClose: (seq) => {
        if (seq === 0) throw failedSegment();
      },
    },
  });
  await rig.run(clip);
  assert.equal(rig.errors.length, 1);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(10));
  const { frames_out, frames_lost, segments_lost } = rig.session.metrics();
  assert.deepEqual({ frames_out, frames_lost, segments_lost }, {
    frames_out: clip.videoTicks.length,
    frames_lost: 10,
    segments_lost: 1,
  });
});

Deno.test("a segment that cannot be begun costs its pictures, and the next one goes on", async () => {
  const clip = await testClip();
  const rig = new Rig({
    script: {
      onNext: (seq) => {
        if (seq === 0) throw new Error("disk full");
      },
    },
  });
  await rig.run(clip);
  // Sound that comes meanwhile does not open a segment for pictures without their keyframe.
  assert.deepEqual(rig.sink.segments.map(({ outcome }) => outcome), ["open", "closed"]);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(10));
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { output: 10 });
});

Deno.test("an output that gives up for good fails the session with its error", async () => {
  const clip = await silentClip();
  const rig = new Rig({
    script: {
      onNext: (seq) => {
        if (seq === 1) throw failedSegment();
      },
    },
  });
  rig.session.start();
  // The input never ends by itself.
  await rig.source.feed(clip.segments);
  const end = await rig.ended();
  assert.ok(end.reason === "failed", end.reason);
  assert.match(end.error.message, /the server hung up/);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(0, 10));
});

for (const code of ["TRICKLE_CLOSED", "TRICKLE_NOT_FOUND"] as const) {
  Deno.test(`an output channel that somebody closes ends the session: ${code}`, async () => {
    const clip = await silentClip();
    const rig = new Rig({
      script: {
        onNext: (seq) => {
          if (seq === 2) throw new TrickleError(code, "The channel was closed");
        },
      },
    });
    rig.session.start();
    // The input never ends by itself.
    await rig.source.feed(clip.segments);
    await rig.source.feed(movedClip(clip, 90_000).segments);
    await rig.source.feed(movedClip(clip, 180_000).segments);
    assert.deepEqual(await rig.ended(), { reason: "output-closed" });
    assert.ok(rig.videoTicks.length >= 20);
    assert.ok(rig.session.metrics().frames_dropped_by_reason.output! > 0);
    assert.ok(rig.sink.disposed);
  });
}

Deno.test("an output channel that was never there fails the session", async () => {
  const clip = await silentClip();
  const rig = new Rig({
    script: {
      onNext: () => {
        throw new TrickleError("TRICKLE_NOT_FOUND", "There is no such channel");
      },
    },
  });
  rig.session.start();
  await rig.source.feed(clip.segments);
  const end = await rig.ended();
  assert.ok(end.reason === "failed", end.reason);
  assert.match(end.error.message, /no such channel/);
});

for (
  const [where, hang] of [
    ["write", (reached) => ({ onWrite: (_seq, write) => write === 2 ? reached() : undefined })],
    ["segment", (reached) => ({ onNext: (seq) => seq === 1 ? reached() : undefined })],
  ] satisfies [string, (reached: () => Promise<void>) => SinkScript][]
) {
  Deno.test(`an output that is stuck in a ${where} does not hold the stop up`, async () => {
    const clip = await silentClip({ seconds: 2 });
    const reached = Promise.withResolvers<void>();
    const script = hang(() => {
      reached.resolve();
      return new Promise(() => {});
    });
    const rig = new Rig({ pace: "live", stopTimeoutMs: 50, script });
    rig.session.start();
    await rig.source.feed(clip.segments);
    await within(reached.promise, "the call that hangs");
    const stopped = rig.session.stop();
    await rig.clock.passPatience(50);
    assert.deepEqual(await within(stopped, "the stop"), { reason: "stopped" });
    await rig.ended();
    assert.ok(rig.session.metrics().frames_dropped > 0);
  });
}

Deno.test("a session whose sink was never written to ends its channel", async () => {
  const rig = new Rig();
  rig.session.start();
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  assert.ok(rig.sink instanceof MemorySink && rig.sink.closed);
  assert.equal(rig.sink.segments.length, 0);
});

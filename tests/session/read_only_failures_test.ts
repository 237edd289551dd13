/** Processors that only look, and are slow, fail or hang; and outputs that do. */

import assert from "node:assert/strict";
import { defineProcessor } from "../../src/processor/mod.ts";
import { until } from "../waiting.ts";
import { movedClip, silentClip, testClip } from "./clips.ts";
import { assertSeen, Looker, looking } from "./onlooker.ts";
import { errorsOf, Rig } from "./rig.ts";

Deno.test("a slow processor gets fewer frames, and the output all of them at once", async () => {
  const clip = await testClip({ seconds: 2 });
  const slow = Promise.withResolvers<void>();
  const processor = looking({ video: () => slow.promise });
  const rig = new Rig({ processor, pace: "live", audioCodec: "source", maxQueueSize: 3 });
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await until(() => rig.session.metrics().frames_out === 40, "all pictures");
  assert.equal(rig.session.metrics().frames_processed, 0);
  await until(() => rig.sink.closed, "the end of the output");
  slow.resolve();
  await rig.ended();
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  const metrics = rig.session.metrics();
  assert.equal(metrics.frames_dropped, 0);
  assert.deepEqual(metrics.frames_unseen_by_reason, { queue: 36 });
  assert.notEqual(metrics.latency_ms.start.p50, null);
});

Deno.test("what a processor that only looks fails on goes out all the same", async () => {
  const clip = await silentClip();
  let calls = 0;
  const processor = looking({
    video: (frame) => {
      if (calls++ % 2 === 0) throw new Error("no idea");
      return frame;
    },
  });
  const rig = new Rig({ processor });
  await rig.run(clip);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.deepEqual(rig.session.metrics().frames_unseen_by_reason, { error: 10 });
  assert.equal(errorsOf(rig.events).length, 10);
});

Deno.test("the output goes on while a processor that only looks hangs", async () => {
  const clips = [await silentClip(), movedClip(await silentClip(), 90_000)];
  let calls = 0;
  const processor = looking({
    timeoutMs: 1_000,
    video: () => {
      calls++;
      return new Promise(() => {});
    },
  });
  const rig = new Rig({ processor, pace: "live" });
  rig.session.start();
  await rig.source.feed(clips[0]!.segments);
  await until(() => rig.session.metrics().frames_out >= 19, "the first clip");
  await until(() => calls === 1, "the first call");
  rig.clock.advance(1_001);
  await until(() => rig.errors.length === 1, "the error");
  assert.match(rig.errors[0]!, /did not answer within 1000 ms/);
  await rig.source.feed(clips[1]!.segments);
  await until(() => rig.session.metrics().frames_out >= 39, "the second clip");
  const ended = rig.session.stop();
  await until(() => rig.sink.closed, "the end of the output");
  rig.clock.advance(2_001);
  await ended;
  await rig.ended();
  assert.deepEqual(rig.videoTicks, clips.flatMap(({ videoTicks }) => videoTicks));
  assertSeen(rig);
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("a processor that says to stop on errors ends a stream that it only looks at", async () => {
  const clip = await silentClip();
  const processor = looking({
    onError: "stop",
    video: () => {
      throw new Error("enough");
    },
  });
  const end = await new Rig({ processor }).run(clip);
  assert.ok(end.reason === "failed" && /enough/.test(end.error.message));
});

Deno.test("another frame in place of the one to look at is an error, and goes nowhere", async () => {
  const clip = await silentClip();
  for (const result of ["clone", "null"] as const) {
    const processor = defineProcessor({
      readOnly: true as boolean,
      video: (frame) => result === "null" ? null : frame.clone(),
    })();
    const rig = new Rig({ processor });
    await rig.run(clip);
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    assert.equal(rig.errors.length, 20);
    assert.match(rig.errors[0]!, /return the frame as it came, or remove readOnly/);
    assert.deepEqual(rig.session.metrics().frames_unseen_by_reason, { error: 20 });
  }
});

Deno.test("the output does not wait for a processor that is not ready yet", async () => {
  const clip = await testClip({ seconds: 2 });
  const ready = Promise.withResolvers<void>();
  const processor = new Looker();
  const rig = new Rig({
    processor,
    processorReady: ready.promise,
    pace: "live",
    audioCodec: "source",
    maxQueueSize: 5,
  });
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await until(() => rig.sink.closed, "the end of the output");
  rig.clock.advance(5_000);
  ready.resolve();
  await rig.ended();
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.deepEqual(rig.session.metrics().frames_unseen_by_reason, { queue: 35 });
  assert.equal(rig.session.metrics().frames_overlaid, 0);
});

Deno.test("a stop before the processor is ready leaves its frames unseen, and counted", async () => {
  const clip = await silentClip();
  const rig = new Rig({
    processor: new Looker(),
    processorReady: new Promise(() => {}),
    pace: "live",
  });
  rig.session.start();
  await rig.source.feed(clip.segments);
  await until(() => rig.session.metrics().frames_out >= 19, "the pictures");
  await rig.session.stop();
  await rig.ended();
  assertSeen(rig);
  const { frames_dropped, frames_unseen_by_reason } = rig.session.metrics();
  assert.equal(frames_dropped, 0);
  assert.deepEqual(Object.keys(frames_unseen_by_reason), ["stop"]);
});

Deno.test("an output that is stuck does not hold up the stop of a copied stream", async () => {
  const clip = await silentClip({ seconds: 8 });
  const rig = new Rig({
    processor: new Looker(),
    pace: "live",
    maxQueueSize: 1_000,
    script: { onWrite: (seq) => seq === 0 ? new Promise<void>(() => {}) : undefined },
  });
  rig.session.start();
  await rig.source.feed(clip.segments);
  await until(() => rig.session.metrics().frames_copied > 60, "a full output");
  const ended = rig.session.stop();
  rig.clock.advance(2_001);
  await ended;
  await rig.ended();
  assertSeen(rig);
  assert.equal(rig.session.metrics().frames_out, 0);
});

Deno.test("an output that fails costs the rest of its segment, and is counted once", async () => {
  const clip = await silentClip();
  const processor = new Looker();
  const rig = new Rig({
    processor,
    script: {
      onWrite: (seq, write) => {
        if (seq === 0 && write === 5) throw new Error("no room");
      },
    },
  });
  await rig.run(clip);
  assertSeen(rig);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(10));
  assert.equal(processor.seen.size, 20);
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { output: 5 });
});

/** What a processor can do wrong, and what the user sees of it. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { type ErrorPolicy, FrameProcessor, type VideoResult } from "../../src/processor/mod.ts";
import { testClip } from "../session/clips.ts";
import { InProcessWorker } from "./in_process.ts";
import { until } from "../waiting.ts";

/** Fails on the first frames of the first stream, in the way a test says. */
class Failing extends FrameProcessor {
  override readonly onError: ErrorPolicy;
  override readonly timeoutMs = 100;
  readonly #fail: (frame: VideoFrame) => unknown;
  #failures: number;

  constructor(
    fail: (frame: VideoFrame) => unknown,
    { onError = "drop", failures = 5 }: { onError?: ErrorPolicy; failures?: number } = {},
  ) {
    super();
    this.#fail = fail;
    this.#failures = failures;
    this.onError = onError;
  }

  override processVideo(frame: VideoFrame): VideoResult | Promise<VideoResult> {
    if (this.#failures === 0) return frame;
    this.#failures--;
    // What users return is not checked by anybody: that is what is tested.
    return this.#fail(frame) as VideoResult | Promise<VideoResult>;
  }
}

function outOfMemory(): never {
  throw new Error("model out of memory");
}

Deno.test("a processor that cannot be initialized is an error in health, start and status", async () => {
  class Broken extends FrameProcessor {
    override initialize(): Promise<void> {
      return Promise.reject(new Error("weights.onnx not found"));
    }
  }
  await using worker = await InProcessWorker.startStill(new Broken());
  const { state, error_message } = await worker.status();
  assert.deepEqual({ state, error_message }, {
    state: "ERROR",
    error_message: "weights.onnx not found",
  });
  const { status, message } = await worker.call("/stream/start", { gateway_request_id: "a" });
  assert.equal(status, 503);
  assert.match(message, /Pipeline failed to initialize: weights\.onnx not found/);
});

Deno.test("frames on which the processor throws are dropped and counted", async () => {
  await using worker = await InProcessWorker.startStill(new Failing(outOfMemory));
  const clip = await testClip();
  assert.deepEqual(await worker.run("a", clip.segments, 15), clip.videoTicks.slice(5));
  const { metrics } = await worker.status();
  assert.deepEqual(metrics.frames_dropped_by_reason, { error: 5 });
  assert.equal(metrics.error_count, 5);
  assert.equal(worker.errors.length, 5);
  assert.match(worker.errors[0]!, /processVideo\(\) failed: model out of memory/);
  assert.deepEqual(worker.ends, [{ reason: "input-ended", found: true }]);
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
});

Deno.test("frames on which the processor throws go on as they came where the policy says so", async () => {
  const processor = new Failing(outOfMemory, { onError: "passthrough" });
  await using worker = await InProcessWorker.startStill(processor);
  const clip = await testClip();
  assert.deepEqual(await worker.run("a", clip.segments, 20), clip.videoTicks);
  const { metrics } = await worker.status();
  assert.equal(metrics.frames_dropped, 0);
  assert.equal(metrics.error_count, 5);
  assert.equal(worker.errors.length, 5);
});

Deno.test("a processor that throws ends the stream where the policy says so", async () => {
  const processor = new Failing(outOfMemory, { onError: "stop", failures: 1 });
  await using worker = await InProcessWorker.startStill(processor);
  const clip = await testClip();
  await using stream = await worker.open("a");
  // The input does not end by itself.
  await stream.feed(clip.segments.slice(0, 1));
  const { error_message, metrics } = await worker.untilIdle();
  assert.match(error_message ?? "", /processVideo\(\) failed: model out of memory/);
  assert.equal(metrics.error_count, 1);
  assert.equal(worker.ends[0]?.reason, "failed");
  assert.deepEqual(await stream.outputTicks(), []);
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
  assert.equal((await worker.status()).error_message, null);
});

Deno.test("a frame on which the processor hangs is given up, and the stream goes on", async () => {
  const hanging: PromiseWithResolvers<null>[] = [];
  const processor = new Failing(() => {
    const call = Promise.withResolvers<null>();
    hanging.push(call);
    return call.promise;
  }, { failures: 2 });
  await using worker = await InProcessWorker.startStill(processor);
  const clip = await testClip();
  const running = worker.run("a", clip.segments, 18);
  for (let given = 1; given <= 2; given++) {
    await until(() => hanging.length === given, "a call that hangs");
    worker.clock.advance(processor.timeoutMs);
    await until(() => worker.errors.length === given, "the end of the patience with it");
  }
  assert.deepEqual(await running, clip.videoTicks.slice(2));
  const { metrics } = await worker.status();
  assert.deepEqual(metrics.frames_dropped_by_reason, { error: 2 });
  assert.match(worker.errors[0]!, /processVideo\(\) did not answer within 100 ms: it hangs/);
  // What comes after all is nobody's any more.
  for (const call of hanging) call.resolve(null);
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
});

Deno.test("while the processor hangs no more than the queue waits, and the rest is counted", async () => {
  const letGo = Promise.withResolvers<null>();
  class Hanging extends FrameProcessor {
    override readonly timeoutMs = 60_000;
    #calls = 0;

    override processVideo(frame: VideoFrame): VideoResult | Promise<VideoResult> {
      return this.#calls++ === 0 ? letGo.promise : frame;
    }
  }
  await using worker = await InProcessWorker.startStill(new Hanging(), { maxQueueSize: 5 });
  const clip = await testClip({ seconds: 2 });
  await using stream = await worker.open("a");
  await stream.feed(clip.segments);
  const dropped = async (): Promise<number> =>
    (await worker.status()).metrics.frames_dropped_by_reason.queue ?? 0;
  await until(async () => await dropped() === 40 - 1 - 5, "frames dropped from the queue");
  letGo.resolve(null);
  const ticks = await stream.end(5);
  assert.deepEqual(ticks, clip.videoTicks.slice(-5));
  assert.deepEqual((await worker.status()).metrics.frames_dropped_by_reason, {
    processor: 1,
    queue: 34,
  });
});

Deno.test("a stop while the processor hangs is answered, and the next stream works", async () => {
  const letGo = Promise.withResolvers<null>();
  const processor = new class extends FrameProcessor {
    override readonly timeoutMs = 60_000;
    calls = 0;

    override processVideo(frame: VideoFrame): VideoResult | Promise<VideoResult> {
      return this.calls++ === 0 ? letGo.promise : frame;
    }
  }();
  await using worker = await InProcessWorker.startStill(processor, {});
  const clip = await testClip();
  await using stream = await worker.open("a");
  await stream.feed(clip.segments);
  await until(() => processor.calls === 1, "the call that hangs");
  const stopping = worker.call("/stream/stop");
  const { metrics } = await worker.untilIdle({ stepMs: 100 });
  assert.equal((await stopping).status, 200);
  assert.ok(metrics.frames_dropped_by_reason.stop! > 0);
  assert.deepEqual(worker.ends, [{ reason: "stopped" }]);
  letGo.resolve(null);
  assert.deepEqual(await worker.run("b", clip.segments, 20), clip.videoTicks, "the next stream");
});

const WRONG_RESULTS: readonly (readonly [string, (frame: VideoFrame) => unknown, RegExp])[] = [
  ["nothing", () => undefined, /it is undefined; return a VideoFrame, or null to drop the frame/],
  ["a promise of nothing", () => Promise.resolve(undefined), /it is undefined; return a VideoFr/],
  ["a number", () => 42, /it is number 42/],
  ["its tensor", (frame) => frame.tensor, /it is an object of type Tensor/],
  ["a closed frame", (frame) => (frame.close(), frame), /it is a closed VideoFrame of 160x128/],
  [
    "a frame of one pixel",
    (frame) =>
      frame.replaceData({ pixelFormat: "rgb24", width: 1, height: 1, data: new Uint8Array(3) }),
    /a VideoFrame of 1x1; return a frame of 2x2 pixels or more/,
  ],
];

Deno.test("results that cannot be used are named, dropped and counted", async () => {
  const clip = await testClip();
  let makeResult: (frame: VideoFrame) => unknown = (frame) => frame;
  const processor = new Failing((frame) => makeResult(frame), { failures: Infinity });
  await using worker = await InProcessWorker.startStill(processor);
  for (const [index, [what, make, message]] of WRONG_RESULTS.entries()) {
    let calls = 0;
    makeResult = (frame) => calls++ < 2 ? make(frame) : frame;
    const before = worker.errors.length;
    const ticks = await worker.run(`stream${index}`, clip.segments, 18);
    assert.deepEqual(ticks, clip.videoTicks.slice(2), what);
    const errors = worker.errors.slice(before);
    assert.equal(errors.length, 2, what);
    assert.match(errors[0]!, message, what);
    const { metrics } = await worker.status();
    assert.deepEqual(metrics.frames_dropped_by_reason, { error: 2 }, what);
  }
});

Deno.test("a tensor of a wrong shape is an error of the frame that says what is accepted", async () => {
  const processor = new Failing((frame) => {
    // Half of the tensor's data, as after a wrong reshape.
    const { data, dims } = frame.tensor;
    return frame.replaceTensor({ data, dims: [...dims, 2], type: "uint8" } as never);
  }, { failures: 1 });
  await using worker = await InProcessWorker.startStill(processor);
  const clip = await testClip();
  assert.deepEqual(await worker.run("a", clip.segments, 19), clip.videoTicks.slice(1));
  assert.match(worker.errors[0]!, /processVideo\(\) failed: Cannot .*tensor.*128.*160.*3.*2/);
});

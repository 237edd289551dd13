import assert from "node:assert/strict";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { Session } from "../../src/session/mod.ts";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { silentClip, testClip } from "./clips.ts";
import { MemorySink } from "./in_memory.ts";
import { assertAccounts, Passthrough, Rig } from "./rig.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";

/** A processor whose first frame waits until it is let go. */
class Held extends FrameProcessor {
  override readonly timeoutMs = 60_000;
  readonly letGo = Promise.withResolvers<void>();
  frames = 0;

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    this.frames++;
    await this.letGo.promise;
    return frame;
  }
}

Deno.test("a session carries every frame to the end of its input, at its own time", async () => {
  const clip = await testClip();
  const rig = new Rig();
  assert.deepEqual(await rig.run(clip), { reason: "input-ended", found: true });
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.ok(rig.audioPackets > 0);
  assert.ok(rig.sink.closed && rig.sink.disposed);
  assert.deepEqual(rig.errors, []);
  assert.equal(rig.session.metrics().frames_out, clip.videoTicks.length);
  const states = rig.events.flatMap((event) => event.type === "state" ? [event.state] : []);
  assert.deepEqual(states, ["loading", "running", "draining", "ended"]);
  assert.equal(rig.events.at(-1)?.type, "ended");
});

Deno.test("a session without a sink runs the processor on every frame", async () => {
  const clip = await silentClip();
  const seen: number[] = [];
  class Watcher extends FrameProcessor {
    override processVideo(frame: VideoFrame): VideoFrame {
      seen.push(frame.timestamp);
      return frame;
    }
  }
  const { source } = new Rig();
  const processor = new Watcher();
  const session = new Session({
    id: "x",
    processor,
    source,
    targetFps: Infinity,
    pace: "complete",
    clock: new ManualClock(),
  });
  session.start();
  await source.feed(clip.segments);
  source.end();
  assert.equal((await within(session.ended, "the end")).reason, "input-ended");
  assert.deepEqual(seen, clip.videoTicks);
  const metrics = session.metrics();
  assert.equal(metrics.frames_processed, clip.videoTicks.length);
  assert.equal(metrics.frames_consumed, clip.videoTicks.length);
  assert.equal(metrics.frames_dropped, 0);
  // All of it came before the first frame was through.
  const { p50 } = metrics.latency_ms.start;
  assert.ok(p50 !== null && p50 >= 0);
  assertAccounts(metrics);
});

Deno.test("a session without a source runs until it is stopped", async () => {
  const sink = new MemorySink();
  const clock = new ManualClock();
  const session = new Session({ id: "x", processor: new Passthrough(), sink, clock });
  session.start();
  await until(() => session.state === "running", "the processor");
  assert.deepEqual(await within(session.stop(), "the end"), { reason: "stopped" });
  assert.ok(sink.closed && sink.disposed);
  assertAccounts(session.metrics());
});

Deno.test("a session on a channel without data stops, and leaves nothing", async () => {
  const rig = new Rig();
  rig.session.start();
  assert.deepEqual(await within(rig.session.stop(), "the stop"), { reason: "stopped" });
  await rig.ended();
  assert.equal(rig.session.metrics().frames_in, 0);
  assert.deepEqual(rig.errors, []);
});

Deno.test("a session that was never started stops, and gives its source and sink back", async () => {
  const rig = new Rig();
  assert.deepEqual(await within(rig.session.stop(), "the stop"), { reason: "stopped" });
  assert.ok(rig.source.disposed, "source");
  assert.ok(rig.sink.disposed, "sink");
  assert.throws(() => rig.session.start(), TypeError);
});

Deno.test("a session is started once", async () => {
  const rig = new Rig();
  rig.session.start();
  assert.throws(() => rig.session.start(), /Cannot start session test: it is loading/);
  await rig.session.stop();
  assert.throws(() => rig.session.start(), /it is ended/);
});

Deno.test("a stop while the processor gets ready for the stream waits for it", async () => {
  const ready = Promise.withResolvers<void>();
  const calls: string[] = [];
  class Slow extends FrameProcessor {
    override async onStreamStart(): Promise<void> {
      calls.push("start");
      await ready.promise;
    }
    override onStreamStop(): void {
      calls.push("stop");
    }
  }
  const rig = new Rig({ processor: new Slow() });
  rig.session.start();
  const stopped = rig.session.stop();
  ready.resolve();
  assert.deepEqual(await within(stopped, "the stop"), { reason: "stopped" });
  await rig.ended();
  assert.deepEqual(calls, ["start", "stop"]);
});

Deno.test("a stop writes out what is in flight, and stopping twice is the same", async () => {
  const clip = await silentClip();
  const processor = new Held();
  const rig = new Rig({ processor });
  rig.session.start();
  await rig.source.feed(clip.segments);
  await until(() => processor.frames === 1, "the first frame");
  await until(() => rig.session.metrics().frames_in > 3, "frames behind it");
  const stops = [rig.session.stop(), rig.session.stop()];
  processor.letGo.resolve();
  const [first, second] = await within(Promise.all(stops), "the stop");
  assert.deepEqual(first, { reason: "stopped" });
  assert.deepEqual(second, first);
  await rig.ended();
  const { frames_out } = rig.session.metrics();
  assert.ok(frames_out > 3, `${frames_out} frames out`);
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(0, frames_out));
  assert.deepEqual(await rig.session.stop(), { reason: "stopped" });
});

Deno.test("a stop while the processor hangs ends in time, and counts what was in flight", async () => {
  const clip = await silentClip();
  const processor = new Held();
  const rig = new Rig({ processor, stopTimeoutMs: 50 });
  rig.session.start();
  await rig.source.feed(clip.segments);
  await until(() => processor.frames === 1, "the first frame");
  const stopped = rig.session.stop();
  await rig.clock.passPatience(50);
  assert.deepEqual(await within(stopped, "the stop"), { reason: "stopped" });
  await rig.ended();
  const { frames_out, frames_dropped_by_reason } = rig.session.metrics();
  assert.equal(frames_out, 0);
  assert.ok(frames_dropped_by_reason.stop! > 0);
  processor.letGo.resolve();
});

Deno.test("a processor that fails at the start of a stream fails the session", async () => {
  class Broken extends FrameProcessor {
    override onStreamStart(): void {
      throw new Error("no camera profile");
    }
  }
  const rig = new Rig({ processor: new Broken() });
  rig.session.start();
  const end = await rig.ended();
  assert.ok(end.reason === "failed");
  assert.match(end.error.message, /onStreamStart\(\) failed: no camera profile/);
  assert.ok(rig.sink.disposed);
});

Deno.test("a processor that fails at the end of a stream is an error, and the session ends", async () => {
  class Broken extends FrameProcessor {
    override onStreamStop(): void {
      throw new Error("cannot save");
    }
  }
  const rig = new Rig({ processor: new Broken() });
  assert.equal((await rig.run(await silentClip())).reason, "input-ended");
  assert.match(rig.errors.join(), /process: .*onStreamStop\(\) failed: cannot save/);
  assert.equal(rig.session.metrics().error_count, 1);
});

Deno.test("an input that fails ends the session with its error", async () => {
  const clip = await silentClip();
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.fail(new Error("the server is gone"));
  const end = await rig.ended();
  assert.ok(end.reason === "failed");
  assert.match(end.error.message, /the server is gone/);
});

Deno.test("a stop does not wait long for a processor that does not end its stream", async () => {
  class Hanging extends FrameProcessor {
    override readonly timeoutMs = 60_000;
    readonly released = Promise.withResolvers<void>();
    override onStreamStop(): Promise<void> {
      return this.released.promise;
    }
  }
  const processor = new Hanging();
  const rig = new Rig({ processor });
  rig.session.start();
  const stopped = rig.session.stop();
  await rig.clock.passDelay(3_000, 3_000);
  await within(stopped, "the stop");
  await rig.ended();
  assert.match(rig.errors.join(), /process: .*onStreamStop\(\) did not answer within 3000 ms/);
  assert.equal(rig.session.processorHangs, true);
  processor.released.resolve();
});

/** Which frames a path drops, with a clock that the test sets. */

import assert from "node:assert/strict";
import { VideoFrame } from "../../../src/frames/mod.ts";
import { AvSync } from "../../../src/session/av_sync.ts";
import { FrameRateLimiter } from "../../../src/session/video/frame_rate_limiter.ts";
import { LoadingOverlay } from "../../../src/session/video/loading_overlay.ts";
import { StreamMeters } from "../../../src/session/telemetry/stream_meters.ts";
import type { VideoEmission, VideoOutcome } from "../../../src/session/video/video_outcome.ts";
import { VideoPath, type VideoPathOptions } from "../../../src/session/video/video_path.ts";
import { ManualClock } from "../../trickle/manual_clock.ts";
import { within } from "../../waiting.ts";

const TIME_BASE = { num: 1, den: 90_000 };

/** A path whose processor ends its calls when the test says so. */
class PathRig {
  readonly clock = new ManualClock();
  readonly meters = new StreamMeters(() => this.clock.now());
  readonly emitted: number[] = [];
  /** Ends the calls that are under way, oldest first. */
  readonly calls: (() => void)[] = [];
  readonly path: VideoPath;
  #next = 0;

  constructor(options: Partial<VideoPathOptions> = {}) {
    this.path = new VideoPath({
      process: (frame) => this.#process(frame),
      complete: (outcome) => Promise.resolve(outcome),
      emit: (outcome) => this.#emit(outcome),
      ready: Promise.resolve(true),
      loading: new LoadingOverlay({}, () => this.clock.now()),
      limiter: new FrameRateLimiter(Infinity),
      sync: new AvSync({ waitForVideo: false, live: true }),
      meters: this.meters,
      maxQueueSize: 30,
      maxQueueLatencyMs: 150,
      live: true,
      maxInFlight: 1,
      depth: 1,
      clock: this.clock,
      ...options,
    });
  }

  /** Offers frames 0, 1, 2 and so on, `everyMs` apart. */
  async offer(count: number, everyMs = 0): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.clock.advance(everyMs);
      await this.path.offer(this.frame());
      await settle();
    }
  }

  /** The next frame. */
  frame(): VideoFrame {
    return new VideoFrame({
      pixelFormat: "rgb24",
      data: new Uint8Array(12),
      width: 2,
      height: 2,
      ptsTicks: this.#next++,
      timeBase: TIME_BASE,
    });
  }

  /** Waits for a call, and ends the oldest `afterMs` later. */
  async end(afterMs = 0): Promise<void> {
    await this.began();
    this.clock.advance(afterMs);
    this.calls.shift()?.();
    await settle();
  }

  /** Waits for a call to begin. */
  async began(): Promise<void> {
    while (this.calls.length === 0) await settle();
  }

  /** Ends all calls, of so many milliseconds each, and the path. */
  async finish(callMs = 0): Promise<void> {
    let isOver = false;
    const finished = this.path.finish().finally(() => isOver = true);
    while (!isOver) {
      if (this.calls.length > 0) await this.end(callMs);
      await settle();
    }
    await finished;
  }

  get dropped(): number {
    return this.meters.counts.frames_dropped;
  }

  async #process(frame: VideoFrame): Promise<VideoOutcome> {
    await new Promise<void>((resolve) => this.calls.push(resolve));
    return { kind: "frame", input: frame, output: frame };
  }

  #emit(outcome: VideoEmission): Promise<void> {
    this.emitted.push(outcome.input.timestamp);
    outcome.input.close();
    return Promise.resolve();
  }
}

/** Lets everything that can go on go on, and what that begins. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("a burst of as many frames as may wait is absorbed by a fast processor", async () => {
  const rig = new PathRig();
  await rig.offer(1);
  await rig.end(2);
  await rig.offer(31);
  assert.equal(rig.dropped, 0);
  await rig.finish(2);
  assert.equal(rig.emitted.length, 32);
});

Deno.test("a processor that answers at once is never overtaken, at any rate", async () => {
  const rig = new PathRig({
    process: (frame) => Promise.resolve({ kind: "frame", input: frame, output: frame }),
  });
  await rig.offer(500, 0.001);
  await rig.path.finish();
  assert.deepEqual(rig.emitted, Array.from({ length: 500 }, (_, index) => index));
});

Deno.test("only the newest frame waits for a processor slower than the budget", async () => {
  const rig = new PathRig();
  await rig.offer(1);
  for (let i = 0; i < 10; i++) {
    await rig.offer(3, 100 / 3);
    await rig.end();
    await rig.began();
  }
  await rig.finish(100);
  // Three frames come for each that goes, and the newest of them is next.
  assert.deepEqual(rig.emitted.slice(3), [9, 12, 15, 18, 21, 24, 27, 30]);
});

Deno.test("as many frames wait as the processor works off within the budget", async () => {
  const rig = new PathRig({ maxQueueLatencyMs: 100 });
  await rig.offer(1);
  for (let i = 0; i < 10; i++) {
    await rig.offer(1);
    await rig.end(20);
  }
  await rig.offer(20);
  assert.equal(rig.dropped, 20 - 5);
  await rig.finish(20);
  assert.deepEqual(rig.emitted.slice(-5), [26, 27, 28, 29, 30]);
});

Deno.test("frames stop waiting for a call that does not end", async () => {
  const rig = new PathRig();
  await rig.offer(1);
  await rig.end(1);
  await rig.offer(20, 33);
  // All but the one in the processor and the newest.
  assert.equal(rig.dropped, 18);
  await rig.finish();
  assert.deepEqual(rig.emitted, [0, 1, 20]);
});

Deno.test("a slow encoder does not count as a slow processor", async () => {
  const letGo = Promise.withResolvers<void>();
  const rig = new PathRig({
    process: (frame) => Promise.resolve({ kind: "frame", input: frame, output: frame }),
    emit: async ({ input }) => {
      await letGo.promise;
      input.close();
    },
  });
  await rig.offer(30, 33);
  assert.equal(rig.dropped, 0);
  letGo.resolve();
  await rig.path.finish();
});

Deno.test("a path that is not live drops nothing, however slow the processor", async () => {
  const rig = new PathRig({ live: false, maxQueueSize: 2 });
  const offered = rig.offer(10);
  for (let i = 0; i < 10; i++) {
    while (rig.calls.length === 0) await settle();
    await rig.end(1_000);
  }
  await offered;
  await rig.path.finish();
  assert.equal(rig.dropped, 0);
  assert.equal(rig.emitted.length, 10);
});

Deno.test("calls beside each other share their time", async () => {
  const rig = new PathRig({ maxInFlight: 4, depth: 4 });
  await rig.offer(4);
  for (let i = 0; i < 5; i++) {
    await rig.offer(4);
    rig.clock.advance(100);
    for (let call = 0; call < 4; call++) await rig.end();
  }
  // 25 ms a frame: six fit 150 ms.
  await rig.offer(20);
  assert.equal(rig.dropped, 14);
  await rig.finish();
});

Deno.test("a processor that blocks the event loop gets its next frame after a pause for the input", async () => {
  let frames = 0;
  const rig: PathRig = new PathRig({
    process: (frame) => {
      frames++;
      rig.clock.block(60);
      return Promise.resolve({ kind: "frame", input: frame, output: frame });
    },
  });
  await rig.offer(2);
  assert.equal(frames, 1);
  assert.deepEqual(rig.clock.delays, [6]);
  // What is read during the pause is there when it ends.
  await rig.offer(3);
  rig.clock.advance(5);
  await settle();
  assert.equal(frames, 1);
  rig.clock.advance(1);
  await settle();
  assert.equal(frames, 2);
  for (let call = 0; call < 5; call++) {
    rig.clock.advance(6);
    await settle();
  }
  await rig.path.finish();
  assert.deepEqual(rig.emitted, [0, 1, 2, 3, 4]);
});

Deno.test("a path that is aborted ends during the pause after a call that blocked", async () => {
  const rig: PathRig = new PathRig({
    process: (frame) => {
      rig.clock.block(60);
      return Promise.resolve({ kind: "frame", input: frame, output: frame });
    },
  });
  await rig.offer(2);
  rig.path.abort();
  await rig.path.done;
  assert.deepEqual(rig.clock.delays, []);
  assert.equal(rig.dropped, 1);
});

Deno.test("a path that is aborted while a frame is on its way to the processor ends, and drops it", async () => {
  // The frame leaves the queue some promises before its call begins.
  for (let promises = 0; promises < 8; promises++) {
    const rig = new PathRig();
    await settle();
    const frame = rig.frame();
    void rig.path.offer(frame);
    for (let i = 0; i < promises; i++) await Promise.resolve();
    rig.path.abort();
    const [end] = rig.calls;
    await within(rig.path.done, `the end, ${promises} promises after the frame came`);
    end?.();
    await settle();
    assert.equal(frame.closed, true);
    assert.equal(rig.dropped, 1);
  }
});

/**
 * A live stream through processors that are too slow for it, on a clock that the test moves.
 * `bench/overload_bench.ts` measures the same in real time.
 */

import assert from "node:assert/strict";
import { pauseOn } from "../../src/base/mod.ts";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import type { ManualClock } from "../trickle/manual_clock.ts";
import { FedRig } from "./fed_rig.ts";
import { until } from "../waiting.ts";

const FPS = 30;

/** Takes as long as a test says. */
class Takes extends FrameProcessor {
  readonly #delayMs: (frame: number) => number;
  clock: ManualClock | undefined;
  frames = 0;
  answers = 0;

  constructor(delayMs: (frame: number) => number) {
    super();
    this.#delayMs = delayMs;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    const delayMs = this.#delayMs(this.frames++);
    if (delayMs > 0) await pauseOn(this.clock!, delayMs);
    this.answers++;
    return frame;
  }
}

function slowRig(processor: Takes): FedRig {
  const rig = new FedRig({ processor, fps: FPS });
  processor.clock = rig.clock;
  return rig;
}

/** Milliseconds between the pictures that came out. */
function gapsMs(ticks: readonly number[]): number[] {
  return ticks.slice(1).map((at, index) => (at - ticks[index]!) / 90);
}

Deno.test("a processor of 100 ms gives about 10 of 30 frames a second, soon and evenly", async () => {
  const processor = new Takes(() => 100);
  const rig = slowRig(processor);
  await rig.send(2 * FPS, () => processor.answers);
  const { frames_out, frames_dropped_by_reason, latency_ms } = rig.session.metrics();
  assert.deepEqual(Object.keys(frames_dropped_by_reason), ["queue"]);
  assert.ok(frames_out >= 18 && frames_out <= 20, `${frames_out} frames out of 60`);
  // The call itself, and the frame that waited longest for it: no queue grows.
  assert.ok(latency_ms.p95! <= 200, `p95 ${latency_ms.p95} ms`);
  assert.ok(latency_ms.max! <= 250, `max ${latency_ms.max} ms`);
  const stopped = rig.stop();
  for (let call = 0; call < 2; call++) await rig.clock.passDelay(100, 100);
  await stopped;
  const gaps = gapsMs(rig.videoTicks);
  // Nothing is known of the processor at first; the last frame is what waited when the stream was stopped.
  const settled = gaps.slice(2, -1);
  assert.ok(Math.min(...settled) > 60 && Math.max(...settled) < 140, `${gaps.map(Math.round)} ms`);
  assert.deepEqual(rig.errors, []);
});

Deno.test("a processor that was slow for a while gets every frame afterwards", async () => {
  const processor = new Takes((frame) => frame < 10 ? 100 : 0);
  const rig = slowRig(processor);
  await rig.send(2 * FPS, () => processor.answers);
  await rig.stop();
  assert.deepEqual(rig.videoTicks.slice(-25), rig.sentTicks.slice(-25));
  // Ten slow frames are a second, in which twenty were dropped.
  const { queue = 0 } = rig.session.metrics().frames_dropped_by_reason;
  assert.ok(queue >= 15 && queue <= 25, `${queue} dropped`);
});

Deno.test("a processor that blocks the event loop leaves a share of the time to the input", async () => {
  class Computes extends FrameProcessor {
    clock: ManualClock | undefined;
    answers = 0;

    override processVideo(frame: VideoFrame): VideoFrame {
      this.clock!.block(60);
      this.answers++;
      return frame;
    }
  }
  const processor = new Computes();
  const rig = new FedRig({ processor, fps: FPS });
  processor.clock = rig.clock;
  await rig.give(2);
  for (let call = 2; call < 10; call++) {
    await rig.framesOut(call);
    // A tenth of a call: what came in meanwhile is read, and the processor has nothing of it yet.
    assert.deepEqual(rig.clock.delays, [6]);
    await rig.give(2);
    assert.equal(processor.answers, call);
    rig.clock.advance(6);
  }
  await rig.framesOut(10);
  // The input did not pile up where nobody sees it: frames made room for newer ones.
  const { queue = 0 } = rig.session.metrics().frames_dropped_by_reason;
  assert.ok(queue >= 5, `${queue} dropped`);
  const stopped = rig.stop();
  await until(() => {
    if (rig.clock.delays.includes(6)) rig.clock.advance(6);
    return rig.session.state === "ended";
  }, "the end");
  await stopped;
});

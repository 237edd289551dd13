/** A live stream through processors that are too slow for it. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { testClip } from "./clips.ts";
import { pacedMedia } from "./paced_media.ts";
import { Rig } from "./rig.ts";
import { delay } from "../waiting.ts";

/** Takes as long as a test says. */
class Takes extends FrameProcessor {
  readonly #delayMs: (frame: number) => number;
  frames = 0;

  constructor(delayMs: (frame: number) => number) {
    super();
    this.#delayMs = delayMs;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    const delayMs = this.#delayMs(this.frames++);
    if (delayMs > 0) await delay(delayMs);
    return frame;
  }
}

/** Milliseconds between the pictures that came out. */
function gapsMs(ticks: readonly number[]): number[] {
  return ticks.slice(1).map((at, index) => (at - ticks[index]!) / 90);
}

Deno.test("a processor of 100 ms gives about 10 of 30 frames a second, soon and evenly", async () => {
  const clip = await testClip({ fps: 30, seconds: 4 });
  const rig = new Rig({
    processor: new Takes(() => 100),
    pace: "live",
    media: pacedMedia(clip.events),
  });
  rig.session.start();
  assert.equal((await rig.ended()).reason, "input-ended");
  const { frames_out, frames_dropped_by_reason, latency_ms } = rig.session.metrics();
  assert.deepEqual(Object.keys(frames_dropped_by_reason), ["queue"]);
  assert.ok(frames_out >= 28 && frames_out <= 42, `${frames_out} frames out of 120`);
  assert.ok(latency_ms.p95! < 300, `p95 ${latency_ms.p95} ms`);
  const gaps = gapsMs(rig.videoTicks);
  assert.ok(Math.min(...gaps) > 0);
  const even = gaps.filter((gap) => gap >= 60 && gap <= 140).length;
  assert.ok(even >= gaps.length * 0.8, `gaps of ${gaps.map(Math.round)} ms`);
  assert.deepEqual(rig.errors, []);
});

Deno.test("a processor that was slow for a while gets every frame afterwards", async () => {
  const clip = await testClip({ fps: 30, seconds: 4 });
  const rig = new Rig({
    processor: new Takes((frame) => frame < 10 ? 100 : 0),
    pace: "live",
    media: pacedMedia(clip.events),
  });
  rig.session.start();
  await rig.ended();
  const { videoTicks } = rig;
  const lastSecond = clip.videoTicks.slice(-30);
  assert.deepEqual(videoTicks.slice(-30), lastSecond);
  // Ten slow frames are a second, in which twenty were dropped.
  const { queue = 0 } = rig.session.metrics().frames_dropped_by_reason;
  assert.ok(queue >= 15 && queue <= 35, `${queue} dropped`);
});

Deno.test("a processor that computes without a pause stays close to the input, too", async () => {
  class Computes extends FrameProcessor {
    override processVideo(frame: VideoFrame): VideoFrame {
      const endMs = performance.now() + 60;
      while (performance.now() < endMs);
      return frame;
    }
  }
  const clip = await testClip({ fps: 30, seconds: 4 });
  const rig = new Rig({ processor: new Computes(), pace: "live", media: pacedMedia(clip.events) });
  const startMs = performance.now();
  rig.session.start();
  await rig.ended();
  // Without time for anything else, reading four seconds of input took more than six.
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 5_500, `${tookMs} ms`);
  const { frames_out, latency_ms } = rig.session.metrics();
  assert.ok(frames_out >= 40 && frames_out <= 70, `${frames_out} frames out of 120`);
  assert.ok(latency_ms.p50! < 300, `p50 ${latency_ms.p50} ms`);
});

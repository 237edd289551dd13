/** A model on the GPU in a stream whose device is lost. */

import assert from "node:assert/strict";
import { roomLogger } from "../../src/base/mod.ts";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { type Gpu, sharedGpu } from "../../src/gpu/mod.ts";
import { OnnxProcessor } from "../../src/inference/mod.ts";
import type { VideoResult } from "../../src/processor/mod.ts";
import { convolutionModel } from "../../scripts/build_models.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { testClip } from "./clips.ts";
import { errorsOf, Rig, until } from "./rig.ts";

/** Says when the first frame was through the model on another device than the one before. */
class Recovering extends OnnxProcessor {
  before: Gpu | undefined;
  readonly recovered = Promise.withResolvers<number>();

  override async processVideo(frame: VideoFrame): Promise<VideoResult> {
    const output = await super.processVideo(frame);
    if (this.before !== undefined && output?.gpu !== this.before) {
      this.recovered.resolve(performance.now());
    }
    return output;
  }
}

gpuTest("a stream through a model survives the loss of its device within seconds", async () => {
  const clip = await testClip({ seconds: 3, width: 64, height: 64, audio: false });
  const processor = new Recovering({ model: convolutionModel(), provider: "webgpu" });
  await processor.initialize({
    params: {},
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData: () => {},
    sendEvent: () => {},
    reportProgress: () => {},
  });
  const gpu = await sharedGpu();
  const rig = new Rig({ processor, maxQueueSize: 2 });
  rig.session.start();
  const feeding = rig.source.feed(clip.segments);
  await until(() => rig.session.metrics().frames_out >= 8, "frames before the loss");
  processor.before = gpu;
  const lostMs = performance.now();
  gpu.device.destroy();
  await feeding;
  rig.source.end();
  const tookMs = await processor.recovered.promise - lostMs;
  assert.equal((await rig.ended()).reason, "input-ended");
  assert.ok(tookMs < 5_000, `${tookMs} ms`);
  const { frames_out, frames_dropped_by_reason, error_count } = rig.session.metrics();
  const lost = frames_dropped_by_reason.error ?? 0;
  assert.equal(frames_out + lost, clip.videoTicks.length);
  assert.equal(error_count, lost);
  assert.ok(lost <= 10, `${lost} frames were lost`);
  assert.equal(rig.videoTicks.at(-1), clip.videoTicks.at(-1));
  for (const { error } of errorsOf(rig.events)) assert.match(error.message, /lost/);
  const after = await sharedGpu();
  assert.notEqual(after, gpu);
  assert.equal(after.pool.stats.inUse, 0);
  await processor[Symbol.asyncDispose]();
});

/** A model on the GPU in a stream whose device is lost. */

import assert from "node:assert/strict";
import { roomLogger } from "../../src/base/mod.ts";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { type Gpu, sharedGpu } from "../../src/gpu/mod.ts";
import { OnnxProcessor } from "../../src/inference/mod.ts";
import type { VideoResult } from "../../src/processor/mod.ts";
import { convolutionModel } from "../../scripts/build_models.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { silentClip } from "./clips.ts";
import { errorsOf, Rig } from "./rig.ts";
import { within } from "../waiting.ts";

/** Destroys its device after some frames, and says when a frame was on another one. */
class Losing extends OnnxProcessor {
  readonly recovered = Promise.withResolvers<void>();
  readonly #gpu: Gpu;
  #frames = 0;

  constructor(gpu: Gpu) {
    super({ model: convolutionModel(), provider: "webgpu" });
    this.#gpu = gpu;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoResult> {
    const output = await super.processVideo(frame);
    if (++this.#frames === 8) this.#gpu.device.destroy();
    else if (output?.gpu !== this.#gpu) this.recovered.resolve();
    return output;
  }
}

gpuTest("a stream through a model survives the loss of its device", async () => {
  const clip = await silentClip({ seconds: 1, width: 64, height: 64 });
  const gpu = await sharedGpu();
  const processor = new Losing(gpu);
  await processor.initialize({
    params: {},
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData: () => {},
    sendEvent: () => {},
    reportProgress: () => {},
  });
  const rig = new Rig({ processor, maxQueueSize: 2 });
  rig.session.start();
  await rig.source.feed(clip.segments);
  rig.source.end();
  await within(processor.recovered.promise, "a frame on another device");
  assert.equal((await rig.ended()).reason, "input-ended");
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

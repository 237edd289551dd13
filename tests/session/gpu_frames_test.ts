/** Frames on the GPU in a session: uploaded before the processor, read back after it, in order. */

import assert from "node:assert/strict";
import { GpuError } from "../../src/base/mod.ts";
import { frameCounts, type VideoFrame } from "../../src/frames/mod.ts";
import { sharedGpu } from "../../src/gpu/mod.ts";
import { defineProcessor, defineShader, FrameProcessor } from "../../src/processor/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { joined, silentClip } from "./clips.ts";
import { FedRig } from "./fed_rig.ts";
import { errorsOf, Rig } from "./rig.ts";
import { until, within } from "../waiting.ts";

const INVERT = defineShader({
  name: "invert",
  params: { amount: { type: "f32", default: 1, min: 0, max: 1 } },
  wgsl: `fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f {
    return vec4f(mix(pixel.rgb, 1.0 - pixel.rgb, params.amount), 1.0);
  }`,
});

/** Takes each frame apart on the GPU and puts it together again, three at a time: the last is done first. */
class ThereAndBack extends FrameProcessor {
  override readonly device = "gpu";
  override readonly maxInFlight = 3;
  readonly #letGo: (() => void)[] = [];
  #left: number;

  constructor(frames: number) {
    super();
    this.#left = frames;
  }

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    assert.equal(frame.location, "gpu");
    const last = this.#letGo.length + 1 === Math.min(3, this.#left);
    if (!last) await new Promise<void>((resolve) => this.#letGo.push(resolve));
    this.#left--;
    this.#letGo.pop()?.();
    const tensor = frame.gpuTensor({ dtype: "float16" });
    return frame.replaceTensor(tensor);
  }
}

gpuTest("a frame that nobody changed on the GPU is not read back", async () => {
  const clip = await silentClip({ seconds: 1 });
  const gpu = await sharedGpu();
  const before = { reads: gpu.stats.readback.reads, inUse: gpu.pool.stats.inUse };
  const rig = new Rig({ processor: defineProcessor({ device: "gpu" })() });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.deepEqual(rig.errors, []);
  assert.deepEqual({ reads: gpu.stats.readback.reads, inUse: gpu.pool.stats.inUse }, before);
});

gpuTest(
  "frames in flight on the GPU leave in order, and all that they held goes back",
  async () => {
    const clip = await silentClip({ seconds: 2 });
    const gpu = await sharedGpu();
    const before = { inUse: gpu.pool.stats.inUse, open: frameCounts().open };
    const rig = new Rig({ processor: new ThereAndBack(clip.videoTicks.length), gpuDepth: 4 });
    await rig.run(clip);
    assert.deepEqual(rig.errors, []);
    assert.deepEqual(rig.videoTicks, clip.videoTicks);
    const stamps = (await decodeVideo(joined(rig.sink.whole))).map(({ stamp }) => stamp);
    assert.deepEqual(stamps, clip.videoTicks.map((_, index) => index));
    assert.deepEqual({ inUse: gpu.pool.stats.inUse, open: frameCounts().open }, before);
  },
);

gpuTest(
  "a shader changes the pictures, and its parameters from one frame to the next",
  async () => {
    const clip = await silentClip({ seconds: 2 });
    const processor = INVERT();
    await processor.initialize({
      params: {},
      log: undefined as never,
      signal: new AbortController().signal,
      sendData: () => {},
      sendEvent: () => {},
      reportProgress: () => {},
    });
    const rig = new Rig({ processor, maxQueueSize: 2 });
    rig.session.start();
    await rig.source.feed(clip.segments.slice(0, 2));
    await until(() => rig.session.metrics().frames_processed >= 5, "frames of the first value");
    await rig.session.updateParams({ amount: 0 });
    await assert.rejects(rig.session.updateParams({ amount: 2 }), /amount.*0.*1/s);
    await rig.source.feed(clip.segments.slice(2));
    rig.source.end();
    await rig.ended();
    assert.deepEqual(rig.errors, []);
    const pictures = await decodeVideo(joined(rig.sink.whole));
    const originals = await decodeVideo(joined(clip.segments));
    assert.equal(pictures.length, originals.length);
    const inverted = pictures.map(({ picture }, index) => {
      const distance = (sign: (value: number) => number): number =>
        meanDistance(picture.data, originals[index]!.picture.data, sign);
      return distance((value) => 255 - value) < distance((value) => value);
    });
    const change = inverted.indexOf(false);
    assert.ok(change >= 5, `the first frame that was left alone is ${change}`);
    assert.ok(inverted.slice(0, change).every((value) => value));
    assert.ok(inverted.slice(change).every((value) => !value));
  },
);

/** The mean distance of luma from what `expected` makes of the original. */
function meanDistance(
  actual: Uint8Array,
  original: Uint8Array,
  expected: (value: number) => number,
): number {
  const luma = Math.floor(actual.length * 2 / 3);
  let sum = 0;
  for (let at = 0; at < luma; at += 7) sum += Math.abs(actual[at]! - expected(original[at]!));
  return sum;
}

gpuTest(
  "a stream survives the loss of its device, and counts what it cost",
  async () => {
    const clip = await silentClip({ seconds: 1.5 });
    const gpu = await sharedGpu();
    const inverting = INVERT();
    const recovered = Promise.withResolvers<void>();
    let frames = 0;
    const processor = defineProcessor({
      device: "gpu",
      initialize: (context) => inverting.initialize(context),
      onStreamStart: (params) => inverting.onStreamStart(params),
      video: async (frame) => {
        const output = await inverting.processVideo(frame);
        if (++frames === 10) gpu.device.destroy();
        else if (frame.gpu !== gpu) recovered.resolve();
        return output;
      },
    })();
    const rig = new Rig({ processor, maxQueueSize: 2 });
    rig.session.start();
    await rig.source.feed(clip.segments);
    rig.source.end();
    await within(recovered.promise, "a frame on another device");
    assert.equal((await rig.ended()).reason, "input-ended");
    const metrics = rig.session.metrics();
    assert.equal(rig.videoTicks.at(-1), clip.videoTicks.at(-1));
    const lost = metrics.frames_dropped_by_reason.error ?? 0;
    assert.equal(metrics.frames_out + lost, clip.videoTicks.length);
    assert.equal(metrics.error_count, lost);
    assert.ok(lost <= 10, `${lost} frames were lost`);
    for (const { error } of errorsOf(rig.events)) assert.match(error.message, /device was lost/);
    assert.notEqual(await sharedGpu(), gpu);
  },
);

gpuTest("what was untouched on a lost device goes on where the policy says so", async () => {
  const clip = await silentClip({ seconds: 1 });
  let frames = 0;
  const processor = defineProcessor({
    device: "gpu",
    onError: "passthrough",
    video: (frame) => {
      if (frames++ === 5) frame.gpu.device.destroy();
      return frame.convert("rgba");
    },
  })();
  const rig = new Rig({ processor });
  await rig.run(clip);
  assert.deepEqual(rig.videoTicks, clip.videoTicks);
  assert.ok(rig.errors.length >= 1);
});

gpuTest(
  "a processor that never closes its frames hears of it, and the device does not run out",
  async () => {
    const clip = await silentClip({ seconds: 2 });
    const old = await sharedGpu();
    old.device.destroy();
    await old.lost;
    const pictureBytes = 160 * 128 * 3 / 2;
    const gpu = await sharedGpu({ pool: { maxBytes: 12 * pictureBytes } });
    const kept: VideoFrame[] = [];
    const processor = defineProcessor({
      device: "gpu",
      video: (frame) => {
        kept.push(frame.clone());
        return frame;
      },
    })();
    const rig = new Rig({ processor });
    await rig.run(clip);
    const errors = errorsOf(rig.events).map(({ error }) => error);
    assert.ok(errors.length > 0);
    for (const error of errors) {
      const cause = error instanceof GpuError ? error : error.cause;
      assert.ok(cause instanceof GpuError && cause.code === "GPU_MEMORY", error.message);
      assert.match(error.message, /close/);
    }
    const { frames_out, frames_dropped_by_reason } = rig.session.metrics();
    assert.equal(frames_out + frames_dropped_by_reason.error!, clip.videoTicks.length);
    for (const frame of kept) frame.close();
    assert.equal(gpu.pool.stats.inUse, 0);
    // The next test gets a device with the usual limits.
    gpu.device.destroy();
    await gpu.lost;
  },
);

gpuTest(
  "the loading screen goes before and between frames from the GPU, in one encoder",
  async () => {
    const answer = Promise.withResolvers<void>();
    let frames = 0;
    const createProcessor = defineProcessor({
      device: "gpu",
      video: async (frame) => {
        if (++frames === 5) await answer.promise;
        return frame.convert("rgba");
      },
    });
    const rig = new FedRig({ processor: createProcessor(), overlay: { afterMs: 300 } });
    // The fifth call hangs, and the overlay comes with the seventh frame from then on.
    await rig.send(20, (sent) => Math.min(sent, 4) + Math.max(0, sent - 10));
    assert.equal(rig.overlaid, 10);
    answer.resolve();
    await rig.framesOut(15);
    await rig.stop();
    const pictures = await rig.decoded();
    const { frames_overlaid, frames_dropped_by_reason } = rig.session.metrics();
    const unstamped = pictures.filter(({ stamp }) => stamp === undefined).length;
    assert.equal(unstamped, frames_overlaid);
    assert.equal(frames_dropped_by_reason.late, 1);
    assert.deepEqual(rig.errors, []);
  },
);

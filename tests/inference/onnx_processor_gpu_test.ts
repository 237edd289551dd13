import { ok, rejects, strictEqual } from "node:assert/strict";
import type { Tensor } from "onnxruntime-common";
import { convolutionModel, greyModel } from "../../scripts/build_models.ts";
import { GpuError } from "../../src/base/mod.ts";
import { sharedGpu } from "../../src/gpu/mod.ts";
import { OnnxProcessor } from "../../src/inference/onnx_processor.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { initialized, openProcessor, processed } from "./processor_rig.ts";
import { blurred, greatestError, noisyFrame, rgbOf, toI420 } from "./rgb_picture.ts";

gpuTest("frames and tensors stay on the GPU", async () => {
  const model = convolutionModel();
  await using processor = await openProcessor({ model, provider: "webgpu" });
  using frame = noisyFrame(24, 16);
  const result = await processor.processVideo(frame);
  using output = result!;
  strictEqual(frame.location, "gpu");
  strictEqual(output.location, "gpu");
  strictEqual(output.pixelFormat, "i420");
});

gpuTest("every buffer of a frame is given back, and used again", async () => {
  const { pool } = await sharedGpu();
  const model = greyModel();
  await using processor = await openProcessor({
    model,
    provider: "webgpu",
    output: { range: "minmax" },
  });
  const before = pool.stats.inUse;
  await processed(processor, noisyFrame(24, 16));
  const { created } = pool.stats;
  for (let at = 0; at < 20; at++) await processed(processor, noisyFrame(24, 16));
  strictEqual(pool.stats.inUse, before);
  strictEqual(pool.stats.created, created);
  strictEqual(processor.model.stats.liveOutputs, 0);
});

gpuTest("every buffer of a frame that failed is given back", async () => {
  class Failing extends OnnxProcessor {
    override postprocess(outputs: Readonly<Record<string, Tensor>>): never {
      throw new Error(`no use for ${Object.keys(outputs)}`);
    }
  }
  const { pool } = await sharedGpu();
  const options = { model: convolutionModel(), provider: "webgpu" } as const;
  await using processor = await initialized(new Failing(options));
  const before = pool.stats.inUse;
  for (let at = 0; at < 3; at++) {
    using frame = noisyFrame(24, 16);
    await rejects(processor.processVideo(frame), /no use for output/);
  }
  strictEqual(pool.stats.inUse, before);
  strictEqual(processor.model.stats.liveOutputs, 0);
});

gpuTest("a processor goes on after its device was lost", async () => {
  const model = convolutionModel();
  await using processor = await openProcessor({ model, provider: "webgpu" });
  const frame = noisyFrame(24, 16);
  const expected = toI420(blurred(rgbOf(frame)));
  ok(greatestError(await processed(processor, frame.clone()), expected) <= 2);

  const { gpu } = processor.model;
  using untouched = await frame.clone().to("gpu");
  using onGpuOnly = untouched.convert("rgba");
  gpu!.device.destroy();
  await gpu!.lost;
  await rejects(
    processor.processVideo(onGpuOnly),
    (error) => error instanceof GpuError && error.code === "GPU_LOST",
  );

  // The frame's bytes are still in CPU memory, from where they are uploaded anew.
  ok(greatestError(await processed(processor, untouched), expected) <= 2);
  ok(greatestError(await processed(processor, frame), expected) <= 2);
  ok(processor.model.gpu !== gpu);
  strictEqual(processor.model.stats.reloads, 1);
});

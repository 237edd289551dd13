/** A model in the thread or process of its stream. */

import assert from "node:assert/strict";
import { writeModels } from "../../scripts/build_models.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";

async function assertDoubled(isolate: string, provider: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeModels(folder);
    await using chain = await Chain.start(
      ...["--isolate", isolate, "--model", `${folder}/upscaler.onnx`],
      ...["--model-options", JSON.stringify({ provider })],
    );
    const clip = await makeTestClip({ width: 96, height: 64, seconds: 1, audio: false });
    const { bytes } = await chain.run(clip);
    const frames = await decodeVideo(bytes);
    assert.equal(frames.length, shownTicks(clip).length);
    for (const { picture } of frames) {
      assert.deepEqual([picture.width, picture.height], [192, 128]);
    }
    const { error_count, processor } = await chain.metrics();
    assert.equal(error_count, 0, JSON.stringify(processor));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const isolate of ["thread", "process"]) {
  Deno.test(`a model runs on the CPU in a ${isolate} of its own`, async () => {
    await assertDoubled(isolate, "wasm");
  });

  gpuTest(`a model runs on WebGPU in a ${isolate} of its own`, async () => {
    await assertDoubled(isolate, "webgpu");
  });
}

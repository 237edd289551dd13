import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { GpuError } from "../../../src/base/errors.ts";
import { loadModel, type Model } from "../../../src/inference/mod.ts";
import { convolutionModel, greyModel } from "../../../scripts/build_models.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, testTensor } from "../../models/tensors.ts";

const WEBGPU = { provider: "webgpu" } as const;
const INPUT = testTensor("float32", [1, 3, 16, 16]);

async function resultOf(model: Model): Promise<number[]> {
  const { output } = await model.run({ input: INPUT });
  try {
    return await numbersOf(output!);
  } finally {
    output!.dispose();
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof GpuError && error.code === "GPU_LOST";
}

gpuTest("models go on, on a new device, after theirs was lost between runs", async () => {
  await using one = await loadModel(convolutionModel(), WEBGPU);
  await using other = await loadModel(greyModel(), WEBGPU);
  const [wantedOne, wantedOther] = [await resultOf(one), await resultOf(other)];
  const lost = one.gpu!;
  lost.device.destroy();
  await lost.lost;
  const results = await Promise.all([resultOf(one), resultOf(other), resultOf(one)]);
  assert.deepEqual(results, [wantedOne, wantedOther, wantedOne]);
  assert.notEqual(one.gpu, lost);
  assert.equal(one.gpu, other.gpu, "all are on one device");
  assert.deepEqual([one.stats.reloads, other.stats.reloads], [1, 1]);
});

gpuTest(
  "a run that the loss overlaps fails or gives the right result, and the next is right",
  async () => {
    await using model = await loadModel(convolutionModel(), WEBGPU);
    const wanted = await resultOf(model);
    let losses = 0;
    for (const waits of [0, 1, 3, 10, 30]) {
      const running = Promise.allSettled([resultOf(model), resultOf(model), resultOf(model)]);
      for (let wait = 0; wait < waits; wait++) await Promise.resolve();
      model.gpu!.device.destroy();
      for (const result of await running) {
        if (result.status === "fulfilled") assert.deepEqual(result.value, wanted);
        else assert.ok(isLoss(result.reason), String(result.reason));
        losses += result.status === "rejected" ? 1 : 0;
      }
      assert.deepEqual(await resultOf(model), wanted);
    }
    assert.ok(losses > 0, "some run must have met the loss");
  },
);

gpuTest("a feed on the lost device is refused, and one on the new device is taken", async () => {
  await using model = await loadModel(convolutionModel(), WEBGPU);
  const wanted = await resultOf(model);
  const bytes = new Uint8Array((INPUT.data as Float32Array).buffer);
  const feeds = () => {
    const buffer = model.gpu!.upload(bytes, "test input");
    return { input: Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: INPUT.dims }) };
  };
  const old = feeds();
  const lost = model.gpu!;
  lost.device.destroy();
  await lost.lost;
  await assert.rejects(model.run(old), isLoss);
  assert.deepEqual(await resultOf(model), wanted);
  const { output } = await model.run(feeds());
  assert.deepEqual(await numbersOf(output!), wanted);
  output!.dispose();
});

gpuTest("a runtime whose WebAssembly trapped is replaced", async () => {
  await using model = await loadModel(greyModel(), WEBGPU);
  const wanted = await resultOf(model);
  const { ortRuntime } = await import("../../../src/inference/runtime/ort_runtime.ts");
  const runtime = await ortRuntime("webgpu");
  runtime.abandon("a test says so");
  assert.equal(runtime.isBroken, true);
  assert.deepEqual(await resultOf(model), wanted);
  assert.equal(model.stats.reloads, 1);
  assert.notEqual(await ortRuntime("webgpu"), runtime);
});

import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { ModelError } from "../../../src/base/errors.ts";
import { sharedGpu } from "../../../src/gpu/mod.ts";
import { loadModel } from "../../../src/inference/mod.ts";
import {
  convolutionModel,
  externalDataModel,
  futureOpsetModel,
  greyModel,
  stringInputModel,
  styleModel,
  unknownOperatorModel,
  upscalerModel,
} from "../../../scripts/build_models.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, relativeError, testTensor } from "../../models/tensors.ts";

const DIMS = [1, 3, 10, 14];
const WEBGPU = { provider: "webgpu" } as const;

const MODELS = [
  ["the convolution", convolutionModel(), "float32", DIMS],
  ["the convolution of a fixed size", convolutionModel({ width: 14, height: 10 }), "float32", DIMS],
  ["the f16 convolution", convolutionModel({ dtype: "float16" }), "float16", DIMS],
  ["the NHWC convolution", convolutionModel({ layout: "nhwc" }), "float32", [1, 10, 14, 3]],
  ["the uint8 convolution", convolutionModel({ dtype: "uint8" }), "uint8", DIMS],
  ["the upscaler", upscalerModel(), "float32", DIMS],
  ["the grey model", greyModel(), "float32", DIMS],
  ["the style model", styleModel(), "float32", DIMS],
] as const;

for (const [what, bytes, type, dims] of MODELS) {
  gpuTest(`${what} gives the same on the GPU as on the CPU`, async () => {
    await using gpu = await loadModel(bytes, WEBGPU);
    await using cpu = await loadModel(bytes, { provider: "wasm" });
    assert.equal(gpu.provider, "webgpu");
    const input = testTensor(type, dims);
    const { output: wanted } = await cpu.run({ input });
    const { output: got } = await gpu.run({ input });
    assert.equal(got!.location, "gpu-buffer");
    assert.deepEqual([got!.type, got!.dims], [wanted!.type, wanted!.dims]);
    const error = relativeError(await numbersOf(got!), await numbersOf(wanted!));
    got!.dispose();
    assert.ok(error < (type === "float32" ? 1e-3 : 1e-2), `relative error ${error}`);
  });
}

gpuTest("a model takes and gives GPU buffers, from one model to the next", async () => {
  await using upscaler = await loadModel(upscalerModel(), WEBGPU);
  await using grey = await loadModel(greyModel(), WEBGPU);
  await using upscalerCpu = await loadModel(upscalerModel(), { provider: "wasm" });
  await using greyCpu = await loadModel(greyModel(), { provider: "wasm" });
  const gpu = upscaler.gpu!;
  const input = testTensor("float32", DIMS);
  const bytes = new Uint8Array((input.data as Float32Array).buffer);
  const buffer = gpu.upload(bytes, "test input");
  const feeds = { input: Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: DIMS }) };
  const { output: large } = await upscaler.run(feeds);
  const { output: got } = await grey.run({ input: large! });
  const { output: wantedLarge } = await upscalerCpu.run({ input });
  const { output: wanted } = await greyCpu.run({ input: wantedLarge! });
  assert.equal(upscaler.stats.liveOutputs, 1);
  assert.ok(relativeError(await numbersOf(got!), await numbersOf(wanted!)) < 1e-3);
  large!.dispose();
  got!.dispose();
  assert.equal(upscaler.stats.liveOutputs, 0);
  gpu.pool.release(buffer);
});

gpuTest("a wasm model reads feeds back from the GPU, and leaves them there", async () => {
  await using upscaler = await loadModel(upscalerModel(), WEBGPU);
  await using grey = await loadModel(greyModel(), { provider: "wasm" });
  const { output: large } = await upscaler.run({ input: testTensor("float32", DIMS) });
  const { output } = await grey.run({ input: large! });
  assert.equal(output!.location, "cpu");
  assert.equal(large!.location, "gpu-buffer");
  large!.dispose();
});

gpuTest("a model's weights may lie in a file of their own, and its input may be text", async () => {
  const { model: bytes, dataPath, data } = externalDataModel();
  const externalData = [{ path: dataPath, source: data }];
  await using external = await loadModel(bytes, { ...WEBGPU, externalData });
  await external.warmUp({ input: [1, 3, 8, 8] });
  await using text = await loadModel(stringInputModel(), WEBGPU);
  const { output } = await text.run({ input: new Tensor("string", ["hello"], [1]) });
  assert.deepEqual(output!.data, ["hello"]);
});

gpuTest("runs asked for at once come one after another, on all models", async () => {
  await using one = await loadModel(convolutionModel(), WEBGPU);
  await using other = await loadModel(greyModel(), WEBGPU);
  await using cpu = await loadModel(convolutionModel(), { provider: "wasm" });
  const runs = Array.from({ length: 8 }, async (_, seed) => {
    const feeds = { input: testTensor("float32", [1, 3, 6, 6 + seed % 2], seed) };
    if (seed % 4 === 3) return (await other.run(feeds)).output!.dispose();
    const { output: got } = await one.run(feeds);
    const { output: wanted } = await cpu.run(feeds);
    const error = relativeError(await numbersOf(got!), await numbersOf(wanted!));
    got!.dispose();
    assert.ok(error < 1e-3, `run ${seed}: ${error}`);
  });
  await Promise.all(runs);
  assert.deepEqual([one.stats.runs, other.stats.runs], [6, 2]);
});

gpuTest("a failed run leaves the next ones right", async () => {
  await using model = await loadModel(convolutionModel(), WEBGPU);
  const input = testTensor("float32", [1, 3, 8, 8]);
  const { output: before } = await model.run({ input });
  const wanted = await numbersOf(before!);
  before!.dispose();
  const gone = model.gpu!.device.createBuffer({ size: 3 * 64 * 4, usage: GPUBufferUsage.STORAGE });
  gone.destroy();
  const feeds = { input: Tensor.fromGpuBuffer(gone, { dataType: "float32", dims: [1, 3, 8, 8] }) };
  await assert.rejects(model.run(feeds), ModelError);
  const { output: after } = await model.run({ input });
  assert.deepEqual(await numbersOf(after!), wanted);
  after!.dispose();
  assert.deepEqual([model.stats.failedRuns, model.stats.reloads], [1, 1]);
});

gpuTest("Model.run() refuses a GPU buffer that is too small for its shape", async () => {
  await using model = await loadModel(convolutionModel(), WEBGPU);
  const buffer = model.gpu!.pool.allocate(64, "small");
  const feeds = {
    input: Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [1, 3, 8, 8] }),
  };
  await assert.rejects(
    model.run(feeds),
    /"input" .* in a GPU buffer of 64 bytes, less than its 768/,
  );
  model.gpu!.pool.release(buffer);
});

gpuTest("outputs that were forgotten are given back with their model", async () => {
  const model = await loadModel(convolutionModel(), WEBGPU);
  const { output } = await model.run({ input: testTensor("float32", DIMS) });
  assert.equal(model.stats.liveOutputs, 1);
  await model[Symbol.asyncDispose]();
  output!.dispose();
  await using again = await loadModel(convolutionModel(), WEBGPU);
  await again.warmUp({ input: DIMS });
});

gpuTest("the last model of a device leaves it usable", async () => {
  const gpu = await sharedGpu();
  const model = await loadModel(greyModel(), WEBGPU);
  await model.warmUp({ input: DIMS });
  await model[Symbol.asyncDispose]();
  await gpu.device.queue.onSubmittedWorkDone();
  assert.equal(gpu.isLost, false);
  const buffer = gpu.upload(Uint8Array.of(1, 2, 3, 4), "after");
  assert.deepEqual(await gpu.readback.read(buffer, 4), Uint8Array.of(1, 2, 3, 4));
  gpu.pool.release(buffer);
  await using again = await loadModel(greyModel(), WEBGPU);
  assert.equal(again.gpu, gpu);
  await again.warmUp({ input: DIMS });
});

gpuTest("models that cannot be used are refused on the GPU too, and do no harm", async () => {
  for (const bytes of [futureOpsetModel(), unknownOperatorModel()]) {
    await assert.rejects(
      loadModel(bytes, WEBGPU),
      (error) => error instanceof ModelError && error.code === "MODEL_UNSUPPORTED",
    );
  }
  await using model = await loadModel(convolutionModel(), WEBGPU);
  await model.warmUp({ input: DIMS });
});

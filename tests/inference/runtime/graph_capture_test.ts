import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { loadModel } from "../../../src/inference/mod.ts";
import { convolutionModel, upscalerModel } from "../../../scripts/build_models.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, testTensor } from "../../models/tensors.ts";

const WEBGPU = { provider: "webgpu" } as const;
const CAPTURE = { ...WEBGPU, graphCapture: true } as const;
const SIZE = { width: 9, height: 6 };
const DIMS = [1, 3, 6, 9];

const MODELS = [
  ["a convolution", convolutionModel(SIZE), {}, "float32"],
  ["an f16 convolution", convolutionModel({ ...SIZE, dtype: "float16" }), {}, "float16"],
  ["an upscaler whose size is fixed by dims", upscalerModel(), SIZE, "float32"],
] as const;

for (const [what, bytes, dims, type] of MODELS) {
  gpuTest(`${what} gives the same with graph capture, run after run`, async () => {
    await using captured = await loadModel(bytes, { ...CAPTURE, dims });
    await using plain = await loadModel(bytes, { ...WEBGPU, dims });
    assert.equal(captured.stats.graphCaptureProblem, undefined);
    assert.equal(captured.stats.graphCapture, true);
    assert.equal(plain.stats.graphCapture, false);
    for (let seed = 1; seed <= 4; seed++) {
      const feeds = { input: testTensor(type, DIMS, seed) };
      const { output: got } = await captured.run(feeds);
      const { output: wanted } = await plain.run(feeds);
      assert.deepEqual(got!.dims, wanted!.dims);
      assert.deepEqual(await numbersOf(got!), await numbersOf(wanted!));
      got!.dispose();
      wanted!.dispose();
    }
  });
}

gpuTest("a captured model takes GPU buffers, and its outputs outlive the next run", async () => {
  await using model = await loadModel(convolutionModel(SIZE), CAPTURE);
  const gpu = model.gpu!;
  const before = gpu.pool.stats.inUse;
  const inputs = [1, 2].map((seed) => {
    const { data } = testTensor("float32", DIMS, seed);
    return gpu.upload(new Uint8Array((data as Float32Array).buffer), `test input ${seed}`);
  });
  const outputs = [];
  for (const buffer of inputs) {
    const input = Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: DIMS });
    outputs.push((await model.run({ input })).output!);
  }
  const [one, other] = [await numbersOf(outputs[0]!), await numbersOf(outputs[1]!)];
  assert.notDeepEqual(one, other);
  for (const output of outputs) output.dispose();
  const { output: again } = await model.run({ input: testTensor("float32", DIMS, 1) });
  assert.deepEqual(await numbersOf(again!), one);
  again!.dispose();
  for (const buffer of inputs) gpu.pool.release(buffer);
  assert.equal(gpu.pool.stats.inUse, before);
});

gpuTest("what cannot be captured runs without: open sizes, work on the CPU", async () => {
  await using open = await loadModel(convolutionModel(), CAPTURE);
  await using onCpu = await loadModel(convolutionModel({ ...SIZE, dtype: "uint8" }), CAPTURE);
  assert.match(open.stats.graphCaptureProblem!, /sizes of its input "input" are open/);
  assert.match(onCpu.stats.graphCaptureProblem!, /cannot use the graph capture feature/);
  for (const [model, type] of [[open, "float32"], [onCpu, "uint8"]] as const) {
    assert.equal(model.stats.graphCapture, false);
    const { output } = await model.run({ input: testTensor(type, DIMS) });
    output!.dispose();
  }
});

gpuTest("a captured model is captured again after a loss", async () => {
  await using model = await loadModel(convolutionModel(SIZE), CAPTURE);
  const feeds = { input: testTensor("float32", DIMS) };
  const { output: before } = await model.run(feeds);
  const wanted = await numbersOf(before!);
  before!.dispose();
  const lost = model.gpu!;
  lost.device.destroy();
  await lost.lost;
  const { output: after } = await model.run(feeds);
  assert.deepEqual(await numbersOf(after!), wanted);
  after!.dispose();
  assert.deepEqual([model.stats.graphCapture, model.stats.reloads], [true, 1]);
});

import assert from "node:assert/strict";
import { convolutionModel } from "../../../scripts/build_models.ts";
import { loadModel, type Provider } from "../../../src/inference/mod.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, relativeError, testTensor } from "../../models/tensors.ts";

async function inWorker(provider: Provider): Promise<number[]> {
  const worker = new Worker(new URL("./model_worker.ts", import.meta.url), { type: "module" });
  try {
    const { promise, resolve } = Promise.withResolvers<number[] | string>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(provider);
    const result = await promise;
    assert.ok(Array.isArray(result), String(result));
    return result;
  } finally {
    worker.terminate();
  }
}

async function inThisThread(): Promise<number[]> {
  await using model = await loadModel(convolutionModel(), { provider: "wasm" });
  const { output } = await model.run({ input: testTensor("float32", [1, 3, 8, 8]) });
  return await numbersOf(output!);
}

Deno.test("a model runs in a worker on the CPU", async () => {
  assert.deepEqual(await inWorker("wasm"), await inThisThread());
});

gpuTest("a model runs in a worker on a GPU device of its own", async () => {
  assert.ok(relativeError(await inWorker("webgpu"), await inThisThread()) < 1e-3);
});

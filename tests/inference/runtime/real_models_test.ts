import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { loadModel, type Model } from "../../../src/inference/mod.ts";
import { textDetectionModel, voiceActivityModel } from "../../../scripts/npm_models.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, relativeError } from "../../models/tensors.ts";

/** Half a second at 16 kHz, in the steps of the model: 512 samples, after 64 of the step before. */
const STEPS = 4;

gpuTest("the text detector gives the same on the GPU as on the CPU", async () => {
  const [width, height] = [160, 96];
  const x = new Tensor("float32", barsAsText(width, height), [1, 3, height, width]);
  const results = [];
  for (const provider of ["wasm", "webgpu"] as const) {
    await using model = await loadModel(textDetectionModel(), { provider });
    const { "sigmoid_0.tmp_0": output } = await model.run({ x });
    assert.deepEqual(output!.dims, [1, 1, height, width]);
    results.push(await numbersOf(output!));
    output!.dispose();
  }
  const [wanted, got] = results as [number[], number[]];
  assert.ok(wanted.reduce((a, b) => Math.max(a, b), 0) > 0.5, "it sees something like text");
  assert.ok(relativeError(got, wanted) < 1e-3);
});

/** Dark strokes in a row on white, as a detector takes for a word; normalized as it was trained. */
function barsAsText(width: number, height: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 3 * width * height }, (_, at) => {
    const [x, y] = [at % width, Math.floor(at / width) % height];
    const isStroke = x > 30 && x < 130 && y > 36 && y < 60 && x % 9 < 3;
    return (isStroke ? 0 : 1) * 4.4 - 2.1;
  });
}

gpuTest("the voice detector gives the same on the GPU as on the CPU", async () => {
  const results = [];
  for (const provider of ["wasm", "webgpu"] as const) {
    await using model = await loadModel(voiceActivityModel(), { provider });
    results.push(await voiceProbabilities(model));
  }
  assert.equal(results[0]!.length, STEPS);
  assert.ok(relativeError(results[1]!, results[0]!) < 1e-3);
});

/** A tone that swells, step by step; the state goes from one run into the next. */
async function voiceProbabilities(model: Model): Promise<number[]> {
  const sr = new Tensor("int64", BigInt64Array.of(16_000n), []);
  let state = new Tensor("float32", new Float32Array(2 * 128), [2, 1, 128]) as Tensor;
  const probabilities: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const samples = Float32Array.from(
      { length: 576 },
      (_, at) => Math.sin((step * 512 + at) / 16_000 * 2 * Math.PI * 220) * (step + 1) / STEPS,
    );
    const input = new Tensor("float32", samples, [1, 576]);
    const { output, stateN } = await model.run({ input, state, sr });
    probabilities.push(...await numbersOf(output!));
    output!.dispose();
    state.dispose();
    state = stateN!;
  }
  state.dispose();
  return probabilities;
}

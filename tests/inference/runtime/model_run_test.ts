import assert from "node:assert/strict";
import { ModelError } from "../../../src/base/errors.ts";
import { loadModel, type Model } from "../../../src/inference/mod.ts";
import {
  convolutionModel,
  greyModel,
  stringInputModel,
  styleModel,
  upscalerModel,
} from "../../../scripts/build_models.ts";
import { Tensor } from "onnxruntime-common";
import { convolved, doubled, greyed, planes } from "../../models/references.ts";
import { numbersOf, relativeError, testNumbers, testTensor } from "../../models/tensors.ts";

const SIZE = { width: 11, height: 7 };
const NCHW = [1, 3, SIZE.height, SIZE.width];
const NHWC = [1, SIZE.height, SIZE.width, 3];

function wasm(bytes: Uint8Array): Promise<Model> {
  return loadModel(bytes, { provider: "wasm" });
}

async function outputOf(bytes: Uint8Array, input: Tensor): Promise<[number[], readonly number[]]> {
  await using model = await wasm(bytes);
  const { output } = await model.run({ input });
  return [await numbersOf(output!), output!.dims];
}

Deno.test("loading a model leaves the globals as they were", async () => {
  const { Worker, location } = globalThis;
  await using _model = await wasm(convolutionModel());
  assert.equal(globalThis.Worker, Worker);
  assert.equal(globalThis.location, location);
});

Deno.test("the convolution model blurs and swaps red and blue", async () => {
  const data = testNumbers(3 * SIZE.width * SIZE.height);
  const wanted = convolved({ data, ...SIZE });
  const [got, dims] = await outputOf(convolutionModel(), new Tensor("float32", data, NCHW));
  assert.deepEqual(dims, NCHW);
  assert.ok(relativeError(got, wanted) < 1e-6);
  const [fixed] = await outputOf(convolutionModel(SIZE), new Tensor("float32", data, NCHW));
  assert.deepEqual(fixed, got);
  const half = convolutionModel({ dtype: "float16" });
  const [halves] = await outputOf(half, testTensor("float16", NCHW));
  assert.ok(relativeError(halves, wanted) < 2e-3);
});

Deno.test("the convolution model takes interleaved pixels, and bytes", async () => {
  const data = testNumbers(3 * SIZE.width * SIZE.height);
  const nhwc = convolutionModel({ layout: "nhwc" });
  const [got, dims] = await outputOf(nhwc, new Tensor("float32", data, NHWC));
  assert.deepEqual(dims, NHWC);
  assert.ok(relativeError(planes(got), convolved({ data: planes(data), ...SIZE })) < 1e-6);
  const bytes = testTensor("uint8", NCHW);
  const [pixels] = await outputOf(convolutionModel({ dtype: "uint8" }), bytes);
  const wanted = convolved({ data: bytes.data as Uint8Array, ...SIZE });
  assert.ok(pixels.every((pixel, at) => Math.abs(pixel - wanted[at]!) <= 0.5001));
});

Deno.test("the upscaler doubles and the grey model weighs", async () => {
  const data = testNumbers(3 * SIZE.width * SIZE.height);
  const input = new Tensor("float32", data, NCHW);
  const [large, dims] = await outputOf(upscalerModel(), input);
  assert.deepEqual(dims, [1, 3, SIZE.height * 2, SIZE.width * 2]);
  assert.ok(relativeError(large, doubled({ data, ...SIZE })) < 1e-6);
  const [grey, greyDims] = await outputOf(greyModel(), input);
  assert.deepEqual(greyDims, [1, 1, SIZE.height, SIZE.width]);
  assert.ok(relativeError(grey, greyed({ data, ...SIZE })) < 1e-6);
});

Deno.test("the style model draws edges dark, and colours stronger", async () => {
  const [width, height] = [16, 16];
  const data = Float32Array.from(
    { length: 3 * width * height },
    (_, at) => at % width < 8 ? 0.3 : 0.7,
  );
  const [got] = await outputOf(styleModel(), new Tensor("float32", data, [1, 3, height, width]));
  const pixel = (x: number): number => got[8 * width + x]!;
  assert.ok(pixel(4) < 0.3 && pixel(12) > 0.7, "contrast");
  assert.ok(pixel(8) < pixel(12) - 0.2, "an edge is dark, on its bright side too");
  assert.ok(got.every((value) => value >= 0 && value <= 1));
});

Deno.test("Model.run() refuses what the model does not take, and runs on", async () => {
  await using model = await wasm(convolutionModel());
  const good = testTensor("float32", [1, 3, 4, 4]);
  const noTensor = [1, 2, 3] as unknown as Tensor;
  const wrong: [Record<string, Tensor>, RegExp][] = [
    [{}, /there is no "input"; it takes "input" float32 \[1,3,height,width\]/],
    [{ input: good, mask: good }, /it has no input "mask"; it takes "input"/],
    [{ image: good }, /it has no input "image"/],
    [{ input: testTensor("uint8", [1, 3, 4, 4]) }, /"input" is uint8 \[1,3,4,4\]; it takes/],
    [{ input: testTensor("float32", [1, 4, 4, 4]) }, /"input" is float32 \[1,4,4,4\]; it takes/],
    [{ input: testTensor("float32", [3, 4, 4]) }, /"input" is float32 \[3,4,4\]; it takes/],
    [{ input: noTensor }, /"input" is no tensor/],
  ];
  for (const [feeds, message] of wrong) {
    await assert.rejects(model.run(feeds), (error) => {
      assert.ok(error instanceof ModelError);
      assert.equal(error.code, "MODEL_INPUT");
      assert.match(error.message, message);
      return true;
    });
  }
  await model.run({ input: good });
  assert.deepEqual([model.stats.runs, model.stats.failedRuns], [1, wrong.length]);
});

Deno.test("Model.run() takes text, and gives the outputs that are asked for", async () => {
  await using model = await wasm(stringInputModel());
  const { output } = await model.run({ input: new Tensor("string", ["hello"], [1]) });
  assert.deepEqual(output!.data, ["hello"]);
  const none = await model.run({ input: new Tensor("string", ["x"], [1]) }, {
    outputs: ["output"],
  });
  assert.deepEqual(Object.keys(none), ["output"]);
});

Deno.test("Model.run() may be called many times at once: each gets its own result", async () => {
  await using model = await wasm(convolutionModel());
  await using other = await wasm(greyModel());
  const runs = Array.from({ length: 24 }, async (_, seed) => {
    const side = 4 + seed % 5;
    const input = testTensor("float32", [1, 3, side, side], seed);
    const picture = { data: input.data as Float32Array, width: side, height: side };
    const [runner, wanted] = seed % 3 === 0
      ? [other, greyed(picture)]
      : [model, convolved(picture)];
    const { output } = await runner.run({ input });
    assert.ok(relativeError(await numbersOf(output!), wanted) < 1e-6, `run ${seed}`);
  });
  await Promise.all(runs);
  assert.equal(model.stats.runs + other.stats.runs, 24);
});

Deno.test("Model.warmUp() asks for sizes that are open", async () => {
  await using open = await wasm(convolutionModel());
  await assert.rejects(open.warmUp(), /TypeError.*sizes of "input" float32 \[1,3,height,width\]/);
  await open.warmUp({ input: [1, 3, 8, 8] });
  await using fixed = await wasm(convolutionModel(SIZE));
  await fixed.warmUp();
  assert.deepEqual([open.stats.runs, fixed.stats.runs], [1, 1]);
  assert.ok(fixed.stats.lastRunMs! > 0 && fixed.stats.loadMs > 0);
});

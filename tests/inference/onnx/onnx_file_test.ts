import assert from "node:assert/strict";
import { readOnnxFile } from "../../../src/inference/onnx/onnx_file.ts";
import {
  convolutionModel,
  externalDataModel,
  futureOpsetModel,
  heavyModel,
  htmlPage,
  notOnnx,
  styleModel,
  truncatedModel,
} from "../../../scripts/build_models.ts";

Deno.test("readOnnxFile() says versions, outputs and the largest constant", () => {
  const file = readOnnxFile(styleModel());
  assert.equal(file.irVersion, 8);
  assert.deepEqual([...file.opsets], [["", 17]]);
  assert.equal(file.producer, "runnel");
  assert.deepEqual(file.outputs, [{ name: "output", elementType: 1 }]);
  assert.deepEqual(file.largestConstant, { name: "weights2", bytes: 24 * 24 * 9 * 4 });
  assert.deepEqual(file.externalTensors, []);
  assert.equal(readOnnxFile(futureOpsetModel()).opsets.get(""), 999);
});

Deno.test("readOnnxFile() finds weights in files of their own", () => {
  const { externalTensors, largestConstant } = readOnnxFile(externalDataModel("w.bin").model);
  assert.deepEqual(externalTensors, [
    { name: "weights", location: "w.bin", offset: 0, length: 324 },
  ]);
  assert.equal(largestConstant.bytes, 0);
});

Deno.test("readOnnxFile() reads past large constants", () => {
  const model = heavyModel(64 * 2 ** 20);
  assert.equal(readOnnxFile(model).largestConstant.bytes, 64 * 2 ** 20);
});

Deno.test("readOnnxFile() refuses what is no ONNX file, and says where", () => {
  assert.throws(() => readOnnxFile(notOnnx()), /wire type|ends early/);
  assert.throws(() => readOnnxFile(htmlPage()), /wire type|ends early/);
  assert.throws(() => readOnnxFile(new Uint8Array(0)), /no graph/);
  assert.throws(
    () => readOnnxFile(truncatedModel()),
    /ends early: \d+ bytes should follow at byte/,
  );
});

Deno.test("readOnnxFile() throws a RangeError wherever a file is cut", () => {
  const model = convolutionModel();
  for (let length = 0; length < model.length; length++) {
    const part = model.subarray(0, length);
    try {
      readOnnxFile(part);
    } catch (error) {
      assert.ok(error instanceof RangeError, `at ${length}: ${error}`);
      continue;
    }
    // What is left of a file may be one: the fields after the graph are few.
    assert.ok(length > model.length - 20, `a file cut at ${length} was accepted`);
  }
});

Deno.test("readOnnxFile() survives random bytes", () => {
  const model = convolutionModel();
  let state = 1;
  const random = (below: number) => (state = Math.imul(state, 48_271) >>> 0) % below;
  for (let round = 0; round < 2_000; round++) {
    const bytes = model.slice();
    for (let change = 0; change < 4; change++) bytes[random(bytes.length)] = random(256);
    try {
      readOnnxFile(bytes);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});

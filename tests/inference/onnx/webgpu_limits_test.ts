import assert from "node:assert/strict";
import { floatTensor, modelBytes, node } from "../../../scripts/models/graph.ts";
import { convolutionModel, greyModel } from "../../../scripts/build_models.ts";
import { safeConvLayout } from "../../../src/inference/onnx/webgpu_limits.ts";
import { loadModel } from "../../../src/inference/mod.ts";
import { readOnnxFile } from "../../../src/inference/onnx/onnx_file.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { numbersOf, relativeError, testNumbers, testTensor } from "../../models/tensors.ts";

/** Channels in and out of one convolution, for each group. */
interface Channels {
  readonly inputs: number;
  readonly outputs: number;
  readonly group?: number;
  /** @default 3 */
  readonly kernel?: number;
}

function convolution(
  { inputs, outputs, group = 1, kernel = 3 }: Channels,
): Uint8Array<ArrayBuffer> {
  const dims = [outputs * group, inputs, kernel, kernel];
  const values = [...testNumbers(dims.reduce((a, b) => a * b, 1), 3)].map((value) => value - 0.5);
  const value = (name: string, channels: number) => {
    return { name, type: "float32" as const, dims: [1, channels, 6, 8] };
  };
  return modelBytes({
    name: "channels",
    inputs: [value("input", inputs * group)],
    outputs: [value("output", outputs * group)],
    nodes: [
      node("Conv", [["input", "weights"], ["output"]], {
        kernel_shape: [kernel, kernel],
        pads: new Array<number>(4).fill(kernel >> 1),
        group,
      }),
    ],
    initializers: [floatTensor("weights", dims, { values })],
  });
}

Deno.test("safeConvLayout() leaves channels last unless a convolution goes wrong so", () => {
  const layoutOf = (channels: Channels) => safeConvLayout(readOnnxFile(convolution(channels)));
  assert.equal(layoutOf({ inputs: 3, outputs: 8 }), "NHWC");
  assert.equal(layoutOf({ inputs: 12, outputs: 8 }), "NHWC");
  assert.equal(layoutOf({ inputs: 6, outputs: 9 }), "NHWC");
  assert.equal(layoutOf({ inputs: 6, outputs: 8 }), "NCHW");
  assert.equal(layoutOf({ inputs: 6, outputs: 8, kernel: 1 }), "NHWC");
  assert.equal(layoutOf({ inputs: 129, outputs: 128 }), "NCHW");
  assert.equal(layoutOf({ inputs: 1, outputs: 1, group: 10 }), "NHWC");
  assert.equal(layoutOf({ inputs: 4, outputs: 5, group: 2 }), "NCHW");
  assert.equal(safeConvLayout(readOnnxFile(convolutionModel())), "NHWC");
  assert.equal(safeConvLayout(readOnnxFile(greyModel())), "NHWC");
  assert.equal(safeConvLayout(undefined), "NCHW", "a file that could not be read");
});

gpuTest(
  "convolutions of any number of channels give the same on the GPU as on the CPU",
  async () => {
    const wrong: string[] = [];
    for (const inputs of [3, 6, 9, 12]) {
      for (const outputs of [5, 8]) {
        for (const group of [1, 2]) {
          const error = await gpuError({ inputs, outputs, group });
          if (!(error < 1e-3)) wrong.push(`${group} x ${inputs} -> ${outputs}: ${error}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  },
);

async function gpuError(channels: Channels): Promise<number> {
  const bytes = convolution(channels);
  const input = testTensor("float32", [1, channels.inputs * (channels.group ?? 1), 6, 8]);
  await using cpu = await loadModel(bytes, { provider: "wasm" });
  await using gpu = await loadModel(bytes, { provider: "webgpu" });
  const { output: wanted } = await cpu.run({ input });
  const { output: got } = await gpu.run({ input });
  const error = relativeError(await numbersOf(got!), await numbersOf(wanted!));
  got!.dispose();
  return error;
}

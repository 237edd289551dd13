import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import type { Gpu } from "../../../src/gpu/mod.ts";
import { stretchRange } from "../../../src/inference/image/min_max.ts";
import { deviceTest } from "../../gpu/device.ts";

const TYPES = ["float32", "float16", "uint8"] as const;
type Type = typeof TYPES[number];

function tensorOf(type: Type, values: number[]): Tensor {
  return new Tensor(type, values, [1, 1, values.length]);
}

function stretched(type: Type, values: number[]): number[] {
  return Array.from(stretchRange(tensorOf(type, values), undefined).data as Float32Array);
}

async function stretchedOnGpu(gpu: Gpu, tensor: Tensor): Promise<Float32Array> {
  const { buffer } = tensor.data as Float32Array<ArrayBuffer>;
  const source = gpu.upload(new Uint8Array(buffer), "source");
  const { dims } = tensor;
  const dataType = tensor.type as Type;
  const result = stretchRange(Tensor.fromGpuBuffer(source, { dataType, dims }), gpu);
  deepStrictEqual([result.type, result.dims], ["float32", dims]);
  const bytes = await gpu.readback.read(result.gpuBuffer as GPUBuffer, tensor.size * 4);
  result.dispose();
  gpu.pool.release(source);
  return new Float32Array(bytes.slice().buffer);
}

Deno.test("stretchRange() puts the least number at 0 and the greatest at 1", () => {
  deepStrictEqual(stretched("float32", [-2, 0, 2, 6]), [0, 0.25, 0.5, 1]);
  deepStrictEqual(stretched("float16", [10, 30, 20]), [0, 1, 0.5]);
  deepStrictEqual(stretched("uint8", [100, 104, 101]), [0, 1, 0.25]);
});

Deno.test("stretchRange() takes no account of what is not finite", () => {
  deepStrictEqual(stretched("float32", [NaN, 1, Infinity, 3, -Infinity]), [0, 0, 1, 1, 0]);
  deepStrictEqual(stretched("float32", [7, 7, 7]), [0, 0, 0]);
  deepStrictEqual(stretched("float32", [NaN]), [0]);
});

Deno.test("stretchRange() refuses a tensor on an unknown device", () => {
  const buffer = { size: 16 } as unknown as GPUBuffer;
  const tensor = Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [4] });
  throws(() => stretchRange(tensor, undefined), /its device is missing/);
});

deviceTest("stretchRange() gives the same on the GPU, and every buffer back", async (gpu) => {
  for (const type of TYPES) {
    // One number; less than a word; less than a workgroup; more than one turn of every workgroup.
    for (const count of [1, 3, 255, 40_001]) {
      const values = Array.from({ length: count }, (_, at) => 20 + (at * 37) % 190);
      if (type !== "uint8" && count > 3) values.splice(1, 3, NaN, Infinity, -Infinity);
      const tensor = tensorOf(type, values);
      const expected = stretched(type, values);
      const actual = await stretchedOnGpu(gpu, tensor);
      const worst = expected.reduce((max, v, at) => Math.max(max, Math.abs(v - actual[at]!)), 0);
      ok(worst < 1e-6, `${type} of ${count}: ${worst}`);
    }
  }
  strictEqual(gpu.pool.stats.inUse, 0);
  strictEqual(gpu.stats.uncapturedErrors, 0);
});

deviceTest("stretchRange() refuses numbers that no picture has", (gpu) => {
  const source = gpu.upload(new Uint8Array(16), "source");
  const tensor = Tensor.fromGpuBuffer(source, { dataType: "int32", dims: [4] });
  throws(() => stretchRange(tensor, gpu), TypeError);
  strictEqual(gpu.pool.stats.inUse, 1);
});

import assert from "node:assert/strict";
import type { PixelFormat } from "../../../src/frames/mod.ts";
import {
  convertPicture,
  type GpuImageToTensorOptions,
  imageFromTensor,
  imageToTensor,
} from "../../../src/gpu/mod.ts";
import { noisePicture } from "../../frames/pictures.ts";
import { describeCase, FORMATS } from "../../frames/convert/tensor_cases.ts";
import { conversionTest, upload } from "./conversion_case.ts";
import { deviceTest } from "../device.ts";

conversionTest("passes recorded in an encoder run when it is submitted, in order", async (gpu) => {
  const picture = noisePicture("rgb24", [17, 31]);
  const source = upload(gpu, picture);
  const encoder = gpu.device.createCommandEncoder({ label: "test" });
  const tensor = imageToTensor(gpu, source, { dtype: "float16", encoder });
  const back = imageFromTensor(gpu, tensor, { pixelFormat: "rgba", encoder });
  const copy = convertPicture(gpu, back, { pixelFormat: "rgba", encoder });
  const last = convertPicture(gpu, copy, { pixelFormat: "rgb24", encoder });
  const bytes = await gpu.readback.read(last.buffer, 17 * 31 * 3 + 3 & ~3, { encoder });
  assert.deepEqual(bytes.subarray(0, picture.data.length), picture.data);
  for (const { buffer } of [source, tensor, back, copy, last]) gpu.pool.release(buffer);
});

conversionTest(
  "imageToTensor() writes into a given buffer, and nothing behind it",
  async (gpu) => {
    const picture = noisePicture("rgb24", [3, 5]);
    const source = upload(gpu, picture);
    const into = gpu.upload(new Uint8Array(64).fill(0xee), "test target");
    const before = gpu.pool.stats.inUse;
    const tensor = imageToTensor(gpu, source, { layout: "hwc", dtype: "uint8", into });
    assert.equal(tensor.buffer, into);
    assert.equal(gpu.pool.stats.inUse, before);
    const bytes = await gpu.readback.read(into, 64);
    assert.deepEqual(bytes.subarray(0, 45), picture.data);
    assert.ok(bytes.subarray(48).every((byte) => byte === 0xee));
    assert.throws(
      () => imageToTensor(gpu, source, { into }),
      /RangeError: Cannot convert into a buffer of 64 bytes: the result takes 180/,
    );
    for (const buffer of [source.buffer, into]) gpu.pool.release(buffer);
  },
);

conversionTest("parameters of hundreds of conversions at once do not mix", async (gpu) => {
  const source = upload(gpu, noisePicture("rgba", [1, 1]));
  const encoder = gpu.device.createCommandEncoder({ label: "test" });
  const into = gpu.pool.allocate(400 * 16, "test target");
  const each = Array.from({ length: 400 }, (_, i) => {
    const background = [i % 256, i >> 8, 9] as const;
    const size = { width: 4, height: 1, fit: "pad" } as const;
    return convertPicture(gpu, source, { pixelFormat: "rgba", background, ...size, encoder });
  });
  each.forEach(({ buffer }, i) => encoder.copyBufferToBuffer(buffer, 0, into, i * 16, 16));
  const bytes = await gpu.readback.read(into, 400 * 16, { encoder });
  each.forEach((_, i) =>
    assert.deepEqual([...bytes.subarray(i * 16, i * 16 + 4)], [i % 256, i >> 8, 9, 255])
  );
  for (const buffer of [source.buffer, into, ...each.map((one) => one.buffer)]) {
    gpu.pool.release(buffer);
  }
});

conversionTest("conversions refuse what they cannot make, and keep nothing", (gpu) => {
  const source = upload(gpu, noisePicture("rgb24", [4, 2]));
  const tensor = { buffer: source.buffer, dtype: "uint8", dims: [2, 4, 3] } as const;
  const before = gpu.pool.stats.inUse;
  const toTensor: [unknown, RegExp][] = [
    [{ layout: "hcw" }, /TypeError: Cannot make a tensor with layout hcw/],
    [{ dtype: "uint8", range: "-1-1" }, /TypeError: .*range -1-1 with uint8 numbers/],
    [{ width: 0 }, /RangeError: Cannot convert to 0x2: use whole numbers from 1 to 16384/],
    [{ fit: "fill" }, /TypeError: Cannot fit by "fill"/],
    [{ background: [0, 0, -1] }, /TypeError: Cannot fill with the colour 0,0,-1/],
    [
      { crop: { x: 0, y: 0, width: 5, height: 2 } },
      /RangeError: Cannot take 5x2 at 0,0 out of 4x2/,
    ],
    [
      { width: 16_384, height: 16_384, channels: 4 },
      /GpuError: .*4294967296 bytes.*smaller picture/,
    ],
  ];
  for (const [options, message] of toTensor) {
    const wrong = options as GpuImageToTensorOptions;
    assert.throws(() => imageToTensor(gpu, source, wrong), message, describeCase(options));
  }
  assert.throws(
    () => imageToTensor(gpu, source, { width: 16_384, height: 16_384, channels: 4 }),
    {
      code: "GPU_LIMIT",
    },
  );
  const toPicture: [object, object, RegExp][] = [
    [{ dims: [2, 4, 2] }, {}, /TypeError: .*shape \[2,4,2\]/],
    [{ dtype: "int8" }, {}, /TypeError: .*dtype int8/],
    [
      { dtype: "float32" },
      {},
      /RangeError: .*\[2,4,3\] in GPU memory from a buffer of 32 bytes: it takes 96/,
    ],
    [{}, { range: "0-1" }, /TypeError: .*uint8/],
    [{}, { pixelFormat: "nv12" }, /TypeError: .*format nv12/],
    [{}, { crop: { x: -1, y: 0, width: 1, height: 1 } }, /RangeError: .*1x1 at -1,0 out of 4x2/],
    [{}, { height: 2.5 }, /RangeError: Cannot convert to 4x2.5/],
  ];
  for (const [change, options, message] of toPicture) {
    const wrong = { ...tensor, ...change };
    const all = { pixelFormat: "rgba", ...options } as const;
    assert.throws(() => imageFromTensor(gpu, wrong, all), message, describeCase(change, options));
  }
  const large = { ...source, width: 40 };
  for (const pixelFormat of FORMATS) {
    assert.throws(
      () => convertPicture(gpu, large, { pixelFormat }),
      /RangeError: Cannot read a 40x2 rgb24 picture from a buffer of 32 bytes: it takes 240/,
    );
  }
  const format = "nv12" as PixelFormat;
  assert.throws(() => convertPicture(gpu, source, { pixelFormat: format }), /TypeError.*nv12/);
  assert.equal(gpu.pool.stats.inUse, before);
  gpu.pool.release(source.buffer);
});

deviceTest("conversions on a device that was disposed of say that it is lost", async (gpu) => {
  const source = upload(gpu, noisePicture("rgb24", [4, 2]));
  await gpu[Symbol.asyncDispose]();
  const lost = { code: "GPU_LOST" };
  assert.throws(() => imageToTensor(gpu, source), lost);
  assert.throws(() => convertPicture(gpu, source, { pixelFormat: "rgb24" }), lost);
  const tensor = { buffer: source.buffer, dtype: "uint8", dims: [2, 4, 3] } as const;
  assert.throws(() => imageFromTensor(gpu, tensor, { pixelFormat: "rgb24" }), lost);
});

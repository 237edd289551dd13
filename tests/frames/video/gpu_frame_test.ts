import assert from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { type GpuError, MPEG_TIME_BASE } from "../../../src/base/mod.ts";
import {
  convertPicture,
  frameCounts,
  type PixelFormat,
  VideoFrame,
} from "../../../src/frames/mod.ts";
import { type Gpu, sharedGpu } from "../../../src/gpu/mod.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { noisePicture } from "../pictures.ts";

const COLOR = { matrix: "bt709", fullRange: false } as const;

function makeFrame(
  pixelFormat: PixelFormat = "i420",
  size: [number, number] = [38, 21],
): VideoFrame {
  return new VideoFrame({
    ...noisePicture(pixelFormat, size, COLOR),
    ptsTicks: 90_000,
    timeBase: MPEG_TIME_BASE,
    metadata: { camera: 7 },
  });
}

/** The most that two byte arrays differ by. */
function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Runs `use`, and checks that it gave all GPU memory back. */
async function balanced(gpu: Gpu, use: () => Promise<void>): Promise<void> {
  const before = { inUse: gpu.pool.stats.inUse, open: frameCounts().open };
  await use();
  assert.deepEqual({ inUse: gpu.pool.stats.inUse, open: frameCounts().open }, before);
}

for (const pixelFormat of ["i420", "rgb24", "rgba"] as const) {
  gpuTest(
    `an untouched ${pixelFormat} frame goes to the GPU and back without a copy back`,
    async () => {
      const gpu = await sharedGpu();
      await balanced(gpu, async () => {
        using frame = makeFrame(pixelFormat);
        const { data } = frame;
        assert.equal(await frame.to("gpu"), frame);
        assert.equal(frame.location, "gpu");
        assert.equal(frame.gpu, gpu);
        assert.equal(frame.gpuPicture.pixelFormat, pixelFormat);
        assert.throws(() => frame.data, /data of a frame on the GPU.*to\("cpu"\)/);
        assert.throws(() => frame.planes, TypeError);
        await frame.to("cpu");
        assert.equal(frame.location, "cpu");
        assert.equal(frame.data, data);
        assert.throws(() => frame.gpuPicture, /gpuPicture of a frame in CPU memory.*to\("gpu"\)/);
      });
    },
  );

  gpuTest(`a ${pixelFormat} frame that was made on the GPU is read back as it is`, async () => {
    const gpu = await sharedGpu();
    await balanced(gpu, async () => {
      using frame = makeFrame(pixelFormat);
      const expected = frame.data.slice();
      await frame.to("gpu");
      using copy = frame.clone();
      frame.close();
      assert.equal(copy.location, "gpu");
      await copy.to("cpu");
      assert.deepEqual(copy.data, expected);
      assert.deepEqual([copy.timestamp, copy.metadata], [90_000, { camera: 7 }]);
    });
  });
}

gpuTest(
  "what is written to a frame in CPU memory is there when it goes to the GPU again",
  async () => {
    using frame = makeFrame("rgba");
    await frame.to("gpu");
    await frame.to("cpu");
    frame.data.fill(17);
    await frame.to("gpu");
    using copy = frame.clone();
    await copy.to("cpu");
    assert.ok(copy.data.every((value) => value === 17));
  },
);

gpuTest("frame.tensor on the GPU holds what it holds in CPU memory", async () => {
  const gpu = await sharedGpu();
  await balanced(gpu, async () => {
    using frame = makeFrame("i420");
    const expected = convertPicture(frame, "rgb24");
    await frame.to("gpu");
    const { tensor } = frame;
    assert.equal(frame.tensor, tensor);
    assert.deepEqual([tensor.type, tensor.location], ["uint8", "gpu-buffer"]);
    assert.deepEqual([...tensor.dims], [21, 38, 3]);
    assert.ok(largestDifference(await tensor.getData() as Uint8Array, expected) <= 1);
  });
});

gpuTest("frame.gpuTensor() gives numbers as the options say, until it is disposed", async () => {
  const gpu = await sharedGpu();
  await balanced(gpu, async () => {
    using frame = makeFrame("rgb24", [8, 4]);
    const rgb = frame.data.slice();
    await frame.to("gpu");
    const before = gpu.pool.stats.inUse;
    const tensor = frame.gpuTensor({ layout: "nchw", dtype: "float32", range: "0-1" });
    assert.deepEqual([...tensor.dims], [1, 3, 4, 8]);
    const numbers = await tensor.getData() as Float32Array;
    for (let i = 0; i < 96; i++) {
      const [channel, pixel] = [Math.floor(i / 32), i % 32];
      assert.ok(Math.abs(numbers[i]! - rgb[pixel * 3 + channel]! / 255) < 1e-5);
    }
    assert.equal(gpu.pool.stats.inUse, before + 1);
    tensor.dispose();
    assert.equal(gpu.pool.stats.inUse, before);
    frame.gpuTensor(); // forgotten: the frame gives it back
  });
});

gpuTest(
  "replaceTensor() takes a tensor on the GPU, which may be disposed right after",
  async () => {
    const gpu = await sharedGpu();
    await balanced(gpu, async () => {
      using frame = makeFrame("rgb24", [10, 6]);
      const rgb = frame.data.slice();
      await frame.to("gpu");
      for (const layout of ["nchw", "nhwc", "chw", "hwc"] as const) {
        for (const dtype of ["float32", "float16", "uint8"] as const) {
          const tensor = frame.gpuTensor({ layout, dtype });
          using replaced = frame.replaceTensor(tensor);
          tensor.dispose();
          assert.deepEqual([replaced.pixelFormat, replaced.location], ["rgba", "gpu"]);
          assert.deepEqual([replaced.timestamp, replaced.metadata], [90_000, { camera: 7 }]);
          await replaced.to("cpu");
          const back = convertPicture(replaced, "rgb24");
          assert.ok(largestDifference(back, rgb) <= 1, `${layout} ${dtype}`);
        }
      }
    });
  },
);

gpuTest(
  "replaceTensor() of one channel on the GPU is a grey frame, and follows the size",
  async () => {
    using frame = makeFrame("rgb24", [10, 6]);
    await frame.to("gpu");
    const tensor = frame.gpuTensor({ channels: 1, width: 20, height: 14 });
    using grey = frame.replaceTensor(tensor);
    assert.deepEqual([grey.pixelFormat, grey.width, grey.height], ["i420", 20, 14]);
    await grey.to("cpu");
    assert.ok(grey.planes.u.data.every((value) => value === 128));
  },
);

gpuTest("replaceTensor() on the GPU refuses what is no picture, and loses nothing", async () => {
  const gpu = await sharedGpu();
  await balanced(gpu, async () => {
    using frame = makeFrame("rgb24", [10, 6]);
    await frame.to("gpu");
    const buffer = gpu.upload(new Uint8Array(64), "test");
    const wrong = Tensor.fromGpuBuffer(buffer, { dataType: "int32", dims: [4, 4, 1] });
    assert.throws(() => frame.replaceTensor(wrong), /int32 tensor of shape \[4,4,1\]/);
    const flat = Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [16] });
    assert.throws(() => frame.replaceTensor(flat), TypeError);
    gpu.pool.release(buffer);
  });
});

gpuTest("convert() on the GPU is what it is in CPU memory", async () => {
  const gpu = await sharedGpu();
  await balanced(gpu, async () => {
    for (const from of ["i420", "rgb24", "rgba"] as const) {
      for (const to of ["i420", "rgb24", "rgba"] as const) {
        using frame = makeFrame(from);
        const expected = convertPicture(frame, to);
        await frame.to("gpu");
        using converted = frame.convert(to);
        await converted.to("cpu");
        assert.ok(largestDifference(converted.data, expected) <= 1, `${from} to ${to}`);
      }
    }
  });
});

gpuTest("frames that share a picture on the GPU give it back with the last", async () => {
  const gpu = await sharedGpu();
  const before = gpu.pool.stats.inUse;
  const frame = await makeFrame().to("gpu");
  const shared = frame.share();
  assert.equal(shared.location, "gpu");
  frame.close();
  assert.equal(gpu.pool.stats.inUse, before + 1);
  using copy = shared.clone();
  assert.equal(copy.location, "gpu");
  shared.close();
  shared.close();
  copy.close();
  assert.equal(gpu.pool.stats.inUse, before);
});

gpuTest("a frame that is closed while it moves is refused, and its memory given back", async () => {
  const gpu = await sharedGpu();
  await balanced(gpu, async () => {
    const frame = makeFrame();
    const moving = frame.to("gpu");
    frame.close();
    await assert.rejects(moving, TypeError);
    const other = await makeFrame().to("gpu");
    using made = other.convert("rgba");
    other.close();
    const reading = made.to("cpu");
    made.close();
    await assert.rejects(reading, /closed frame/);
  });
});

gpuTest("a frame survives the loss of its device where its bytes are still there", async () => {
  const lost = await sharedGpu();
  const frame = await makeFrame("rgb24").to("gpu");
  using made = frame.convert("rgba");
  lost.device.destroy();
  await lost.lost;
  assert.throws(() => frame.tensor, (error: GpuError) => error.code === "GPU_LOST");
  await assert.rejects(made.to("cpu"), (error: GpuError) => error.code === "GPU_LOST");
  await frame.to("gpu");
  assert.notEqual(frame.gpu, lost);
  assert.equal(frame.tensor.location, "gpu-buffer");
  await frame.to("cpu");
  assert.equal(frame.data.length, 38 * 21 * 3);
  frame.close();
});

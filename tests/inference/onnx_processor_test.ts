import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import {
  convolutionModel,
  greyModel,
  styleModel,
  upscalerModel,
  vectorInputModel,
} from "../../scripts/build_models.ts";
import { modelBytes, node } from "../../scripts/models/graph.ts";
import { ModelError } from "../../src/base/mod.ts";
import type { Picture, VideoFrame } from "../../src/frames/mod.ts";
import { OnnxProcessor } from "../../src/inference/onnx_processor.ts";
import {
  fakeContext,
  initialized,
  openProcessor,
  processed,
  providerTest,
} from "./processor_rig.ts";
import {
  blurred,
  doubled,
  greatestError,
  greyed,
  meanError,
  noisyFrame,
  rgbOf,
  smoothFrame,
  toI420,
} from "./rgb_picture.ts";

/** Rounding to bytes twice, to RGB and to YUV, may differ by one each. */
const ROUNDING = 2;

function assertClose(actual: Picture, expected: Picture, limit = ROUNDING): void {
  const error = greatestError(actual, expected);
  ok(error <= limit, `differs by up to ${error}`);
}

providerTest("an image model needs nothing but its file", async (provider) => {
  const models = [
    convolutionModel(),
    convolutionModel({ dtype: "float16" }),
    convolutionModel({ layout: "nhwc" }),
    convolutionModel({ dtype: "uint8", layout: "nhwc" }),
  ];
  for (const model of models) {
    await using processor = await openProcessor({ model, provider });
    strictEqual(processor.device, provider === "webgpu" ? "gpu" : "cpu");
    for (const frame of [noisyFrame(34, 18), smoothFrame(33, 17)]) {
      const expected = toI420(blurred(rgbOf(frame)));
      assertClose(await processed(processor, frame), expected);
    }
  }
});

providerTest("a model of a fixed size is run once when it is loaded", async (provider) => {
  const model = convolutionModel({ width: 48, height: 32 });
  await using processor = await openProcessor({ model, provider });
  strictEqual(processor.model.stats.runs, 1);
  const frame = noisyFrame(48, 32);
  const expected = toI420(blurred(rgbOf(frame)));
  assertClose(await processed(processor, frame), expected);
});

providerTest(
  "a model of any size is run once when the stream's size is known",
  async (provider) => {
    await using processor = await openProcessor({ model: convolutionModel(), provider });
    strictEqual(processor.model.stats.runs, 0);
    await processor.onStreamStart({ width: "wide", height: 18 });
    strictEqual(processor.model.stats.runs, 0);
    await processor.onStreamStart({ width: 34, height: 18 });
    strictEqual(processor.model.stats.runs, 1);
  },
);

providerTest(
  "an upscaler doubles what is published, also when the size changes",
  async (provider) => {
    await using processor = await openProcessor({ model: upscalerModel(), provider });
    for (const [width, height] of [[20, 12], [21, 13], [20, 12]] as const) {
      const frame = noisyFrame(width, height);
      const expected = toI420(doubled(rgbOf(frame)));
      assertClose(await processed(processor, frame), expected);
    }
  },
);

providerTest("a model of one channel makes a grey picture", async (provider) => {
  await using processor = await openProcessor({ model: greyModel(), provider });
  const frame = noisyFrame(22, 14);
  const expected = toI420(greyed(rgbOf(frame)));
  const actual = await processed(processor, frame);
  assertClose(actual, expected);
  ok(actual.data.subarray(22 * 14).every((chroma) => chroma === 128));
});

providerTest("frames of another size come back in their own, without bars", async (provider) => {
  const model = convolutionModel({ width: 96, height: 64 });
  await using processor = await openProcessor({ model, provider });
  for (const [width, height] of [[144, 60], [50, 90], [48, 32]] as const) {
    const frame = smoothFrame(width, height);
    const expected = toI420(blurred(rgbOf(frame)));
    const error = meanError(await processed(processor, frame), expected);
    // Blurred with the bars around it, the outermost pixels are darker.
    ok(error < 6, `${width}x${height} differs by ${error} on average`);
  }
});

providerTest("output.size says whose size is published", async (provider) => {
  const model = convolutionModel({ width: 96, height: 64 });
  const sizeOf = async (size: "model" | "frame", from: VideoFrame): Promise<number[]> => {
    await using processor = await openProcessor({ model, provider, output: { size } });
    const { width, height } = await processed(processor, from);
    return [width, height];
  };
  deepStrictEqual(await sizeOf("model", smoothFrame(144, 48)), [96, 32]);
  deepStrictEqual(await sizeOf("frame", smoothFrame(144, 48)), [144, 48]);
  await using upscaler = await openProcessor({
    model: upscalerModel(),
    provider,
    output: { size: "frame" },
  });
  strictEqual((await processed(upscaler, smoothFrame(30, 20))).width, 30);
});

providerTest("a cover fit publishes what the model saw, undistorted", async (provider) => {
  const model = convolutionModel({ width: 32, height: 32 });
  await using processor = await openProcessor({ model, provider, input: { fit: "cover" } });
  const { width, height } = await processed(processor, smoothFrame(96, 64));
  deepStrictEqual([width, height], [64, 64]);
});

providerTest("sizes are rounded up to what the model takes, and cut again", async (provider) => {
  for (const [model, scale] of [[convolutionModel(), 1], [upscalerModel(), 2]] as const) {
    await using processor = await openProcessor({ model, provider, input: { multipleOf: 8 } });
    const frame = smoothFrame(35, 21);
    const expected = toI420((scale === 1 ? blurred : doubled)(rgbOf(frame)));
    const actual = await processed(processor, frame);
    deepStrictEqual([actual.width, actual.height], [35 * scale, 21 * scale]);
    ok(meanError(actual, expected) < 3);
  }
});

providerTest("the output's numbers are read as the input's were written", async (provider) => {
  const frame = noisyFrame(26, 16);
  const expected = toI420(blurred(rgbOf(frame)));
  for (const range of ["0-255", "0-1"] as const) {
    await using processor = await openProcessor({
      model: convolutionModel(),
      provider,
      input: { range, channelOrder: "bgr" },
    });
    assertClose(await processed(processor, frame.clone()), expected);
  }
  // Written as BGR and read as RGB, the model's exchange of red and blue is undone.
  await using swapped = await openProcessor({
    model: convolutionModel(),
    provider,
    input: { channelOrder: "bgr" },
    output: { channelOrder: "rgb" },
  });
  const { width, height, values } = blurred(rgbOf(frame));
  const undone = values.map((_, at) => values[at + 2 - 2 * (at % 3)]!);
  assertClose(await processed(swapped, frame), toI420({ width, height, values: undone }));
});

providerTest("numbers of any range come back as the pixels that they were", async (provider) => {
  const normal = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
  const cases = [
    [{ range: "-1-1" }, {}],
    [{ range: normal }, { range: normal }],
    [{ range: normal, channelOrder: "bgr" }, { range: normal }],
  ] as const;
  for (const [input, output] of cases) {
    const options = { model: gainModel(), provider, input, output, extraFeeds: { gain: 1 } };
    await using processor = await openProcessor(options);
    const frame = noisyFrame(18, 10);
    const expected = toI420(rgbOf(frame));
    assertClose(await processed(processor, frame), expected);
  }
});

providerTest("a model may take other inputs, and say nothing of its output", async (provider) => {
  const model = gainModel();
  await using processor = await openProcessor({ model, provider, extraFeeds: { gain: 0.5 } });
  for (let turn = 0; turn < 2; turn++) {
    const frame = noisyFrame(18, 10);
    const { width, height, values } = rgbOf(frame);
    const expected = toI420({ width, height, values: values.map((value) => value / 2) });
    assertClose(await processed(processor, frame), expected);
  }
});

providerTest("a depth map is stretched over all greys", async (provider) => {
  const output = { range: "minmax" } as const;
  await using processor = await openProcessor({ model: greyModel(), provider, output });
  const frame = smoothFrame(30, 20);
  const { width, height, values } = greyed(rgbOf(frame));
  const [least, greatest] = [values, values].map((all, at) =>
    Math[at === 0 ? "min" : "max"](...all)
  );
  const stretched = values.map((value) => (value - least!) / (greatest! - least!));
  assertClose(await processed(processor, frame), toI420({ width, height, values: stretched }));
});

providerTest("frames in flight do not mix", async (provider) => {
  const model = convolutionModel();
  await using processor = await openProcessor({ model, provider, maxInFlight: 3 });
  strictEqual(processor.maxInFlight, 3);
  const frames = [1, 2, 3, 4, 5].map((seed) => smoothFrame(30 + seed, 20, seed));
  const expected = frames.map((frame) => toI420(blurred(rgbOf(frame))));
  const actual = await Promise.all(frames.map((frame) => processed(processor, frame)));
  actual.forEach((picture, at) => assertClose(picture, expected[at]!));
});

providerTest(
  "postprocess() may send what it finds, and publish the frame as it came",
  async (provider) => {
    class Brightness extends OnnxProcessor {
      override async postprocess(
        outputs: Readonly<Record<string, Tensor>>,
        frame: VideoFrame,
      ): Promise<VideoFrame> {
        const greys = await outputs["output"]!.getData() as Float32Array;
        const mean = greys.reduce((sum, grey) => sum + grey, 0) / greys.length;
        this.context.sendData(JSON.stringify({ mean: Math.round(mean * 1000) / 1000 }));
        return frame;
      }
    }
    const { context, sent } = fakeContext();
    await using processor = new Brightness({ model: greyModel(), provider });
    await processor.initialize(context);
    using frame = noisyFrame(16, 8);
    const { values } = greyed(rgbOf(frame));
    const mean = values.reduce((sum, grey) => sum + grey, 0) / values.length;
    strictEqual(await processor.processVideo(frame), frame);
    strictEqual(sent.length, 1);
    ok(Math.abs(JSON.parse(sent[0]!).mean - mean) < 0.002, sent[0]);
    strictEqual(processor.model.stats.liveOutputs, 0);
  },
);

providerTest("preprocess() may feed a model that takes no picture", async (provider) => {
  class Sevens extends OnnxProcessor {
    override preprocess(): Record<string, Tensor> {
      return { input: new Tensor("float32", new Float32Array(7).fill(3), [1, 7]) };
    }
    override async postprocess(outputs: Readonly<Record<string, Tensor>>): Promise<null> {
      const numbers = await outputs["output"]!.getData() as Float32Array;
      this.context.sendData(numbers.join(" "));
      return null;
    }
  }
  const { context, sent } = fakeContext();
  await using processor = new Sevens({ model: vectorInputModel(), provider });
  await processor.initialize(context);
  await processor.onStreamStart({ width: 16, height: 8 });
  using frame = noisyFrame(16, 8);
  strictEqual(await processor.processVideo(frame), null);
  deepStrictEqual(sent, ["3 3 3 3 3 3 3"]);
});

providerTest("what a failing hook leaves behind is given back", async (provider) => {
  class Failing extends OnnxProcessor {
    override postprocess(): never {
      throw new Error("no such luck");
    }
  }
  await using processor = await initialized(new Failing({ model: convolutionModel(), provider }));
  using frame = noisyFrame(16, 8);
  await rejects(processor.processVideo(frame), /no such luck/);
  strictEqual(processor.model.stats.liveOutputs, 0);
});

/** `input` times the scalar `gain`; the output's dimensions are all left open. */
function gainModel(): Uint8Array<ArrayBuffer> {
  return modelBytes({
    name: "gain",
    inputs: [
      { name: "input", type: "float32", dims: [1, 3, "height", "width"] },
      { name: "gain", type: "float32", dims: [1] },
    ],
    outputs: [{ name: "output", type: "float32", dims: ["a", "b", "c", "d"] }],
    nodes: [node("Mul", [["input", "gain"], ["output"]])],
    initializers: [],
  });
}

Deno.test("initialize() refuses what would fail on every frame", async () => {
  const cases = [
    [{ model: vectorInputModel() }, "MODEL_UNSUPPORTED"],
    [{ model: convolutionModel(), input: { name: "picture" } }, "MODEL_INPUT"],
    [{ model: convolutionModel(), output: { channels: 4 } }, "MODEL_UNSUPPORTED"],
    [{ model: convolutionModel(), extraFeeds: { strength: 1 } }, "MODEL_INPUT"],
    [{ model: convolutionModel({ width: 8, height: 8 }), input: { width: 16 } }, "MODEL_INPUT"],
    [{ model: "/no/such/model.onnx" }, "MODEL_NOT_FOUND"],
  ] as const;
  for (const [options, code] of cases) {
    await using processor = new OnnxProcessor({ ...options, provider: "wasm" });
    await rejects(
      processor.initialize(fakeContext().context),
      (error) => error instanceof ModelError && error.code === code,
      code,
    );
    throws(() => processor.model, /not initialized/);
  }
});

Deno.test("a processor is used only while it is initialized", async () => {
  const processor = new OnnxProcessor({ model: styleModel(), provider: "wasm" });
  throws(() => processor.model, /Cannot use the model of an OnnxProcessor: it is not initialized/);
  using frame = noisyFrame(8, 8);
  await rejects(processor.processVideo(frame), TypeError);
  deepStrictEqual(processor.getMetrics(), {});
  await initialized(processor);
  const { model } = processor;
  await processor.initialize(fakeContext().context);
  strictEqual(processor.model, model, "a second initialize() loads nothing");
  await processed(processor, noisyFrame(8, 8));
  strictEqual(processor.getMetrics()["runs"], 1);
  await processor[Symbol.asyncDispose]();
  await processor[Symbol.asyncDispose]();
  throws(() => processor.model, /not initialized/);
});

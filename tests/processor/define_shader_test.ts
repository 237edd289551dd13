import assert from "node:assert/strict";
import { GpuError, MPEG_TIME_BASE } from "../../src/base/mod.ts";
import { convertPicture, VideoFrame } from "../../src/frames/mod.ts";
import { sharedGpu } from "../../src/gpu/mod.ts";
import {
  defineShader,
  type FrameProcessor,
  type ProcessorParams,
  type ShaderDefinition,
} from "../../src/processor/mod.ts";
import { largestError, noisePicture } from "../frames/pictures.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { quietContext } from "./context.ts";

const SIGNATURE = "fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f";

const TINT: ShaderDefinition = {
  name: "tint",
  params: {
    amount: { type: "f32", default: 0.5, min: 0, max: 1 },
    color: { type: "vec3f", default: [1, 0, 0] },
    steps: { type: "i32", default: 3, max: 9 },
  },
  wgsl: `${SIGNATURE} {
    let color = mix(pixel.rgb, params.color, params.amount);
    return vec4f(color, f32(params.steps) / 255.0);
  }`,
};

async function makeProcessor(definition: ShaderDefinition): Promise<FrameProcessor> {
  const processor = defineShader(definition)();
  await processor.initialize(quietContext());
  return processor;
}

function makeFrame(seconds = 1): VideoFrame {
  return new VideoFrame({
    ...noisePicture("i420", [18, 11]),
    ptsTicks: seconds * 90_000,
    timeBase: MPEG_TIME_BASE,
    metadata: { camera: 7 },
  });
}

/** The pixels of what the processor makes of a frame. */
async function process(processor: FrameProcessor, frame = makeFrame()): Promise<Uint8Array> {
  using input = frame;
  using output = await processor.processVideo(input);
  assert.ok(output !== null);
  assert.equal(output.location, "gpu");
  assert.equal(output.timestamp, input.timestamp);
  assert.deepEqual(output.metadata, { camera: 7 });
  await output.to("cpu");
  return output.data;
}

/** What the tint shader makes of the frame, in TypeScript. */
function tinted(amount: number, color: readonly number[], steps: number): Uint8Array {
  return convertPicture(noisePicture("i420", [18, 11]), "rgba").map((value, at) =>
    at % 4 === 3 ? steps : Math.round(value * (1 - amount) + 255 * color[at % 4]! * amount)
  );
}

gpuTest("a shader processor takes frames on the GPU and leaves them there", async () => {
  const { pool } = await sharedGpu();
  const before = pool.stats.inUse;
  const processor = await makeProcessor(TINT);
  assert.equal(processor.device, "gpu");
  assert.ok(largestError(await process(processor), tinted(0.5, [1, 0, 0], 3)) <= 1);
  const onGpu = await makeFrame().to("gpu");
  assert.ok(largestError(await process(processor, onGpu), tinted(0.5, [1, 0, 0], 3)) <= 1);
  assert.equal(pool.stats.inUse, before);
});

gpuTest("parameters change while the stream runs; others' names are left alone", async () => {
  const processor = await makeProcessor(TINT);
  await processor.onStreamStart({ amount: 1, width: 640 });
  assert.ok(largestError(await process(processor), tinted(1, [1, 0, 0], 3)) <= 1);
  await processor.updateParams({ color: [0, 0.5, 1], steps: 0 });
  assert.ok(largestError(await process(processor), tinted(1, [0, 0.5, 1], 0)) <= 1);
  assert.deepEqual(processor.getMetrics(), { amount: 1, color: [0, 0.5, 1], steps: 0 });
  await processor.onStreamStart({ steps: 9 });
  assert.deepEqual(processor.getMetrics(), { amount: 0.5, color: [1, 0, 0], steps: 9 });
});

Deno.test("a refused parameter is named with what it takes, and changes nothing", async () => {
  const processor = defineShader(TINT)();
  await processor.onStreamStart({ amount: 0.25 });
  const cases: readonly [ProcessorParams, typeof TypeError | typeof RangeError, RegExp][] = [
    [{ amount: 2 }, RangeError, /amount to 2: use a number from 0 to 1$/],
    [{ amount: "much" }, TypeError, /amount to "much": use a number from 0 to 1$/],
    [{ amount: null }, TypeError, /amount to null/],
    [{ amount: NaN }, TypeError, /amount/],
    [{ amount: [0.5] }, TypeError, /amount to \[0.5\]/],
    [{ color: [1, 2] }, TypeError, /color to \[1,2\]: use a list of 3 numbers$/],
    [{ color: 1 }, TypeError, /color to 1/],
    [{ color: [1, 2, 1e39] }, RangeError, /color/],
    [{ steps: 1.5 }, TypeError, /steps to 1.5: use a whole number from -2147483648 to 9$/],
    [{ steps: 10 }, RangeError, /steps to 10/],
    [{ amount: 0.75, steps: 10 }, RangeError, /steps/],
  ];
  for (const [params, type, message] of cases) {
    for (const call of ["updateParams", "onStreamStart"] as const) {
      const refused = (error: unknown): boolean =>
        error instanceof type && message.test(error.message);
      await assert.rejects(async () => await processor[call](params), refused, message.source);
      assert.deepEqual(processor.getMetrics(), { amount: 0.25, color: [1, 0, 0], steps: 3 });
    }
  }
});

gpuTest("a shader's time starts with the stream", async () => {
  const processor = await makeProcessor({
    wgsl: `${SIGNATURE} { return vec4f(frame.time / 10.0); }`,
  });
  await processor.onStreamStart({});
  const red = async (seconds: number): Promise<number> =>
    (await process(processor, makeFrame(seconds)))[0]!;
  assert.equal(await red(90_000), 0);
  assert.equal(await red(90_002), 51);
  await processor.onStreamStart({});
  assert.equal(await red(90_004), 0);
});

gpuTest("a shader that does not compile is refused before the first frame", async () => {
  const processor = defineShader({ name: "broken", wgsl: `${SIGNATURE} {\n  return pixels;\n}` })();
  const refused = (error: unknown): boolean =>
    error instanceof GpuError && error.code === "GPU_SHADER" &&
    /shader broken: .*`pixels` \(line 2, column 10: "return pixels;"\)/.test(error.message);
  await assert.rejects(async () => await processor.initialize(quietContext()), refused);
});

Deno.test("defineShader() refuses parameters that cannot be, at once", () => {
  const params = { amount: { type: "f32", default: 2, max: 1 } } as const;
  assert.throws(() => defineShader({ ...TINT, params }), /amount to 2/);
});

gpuTest("a shader is compiled anew after the device was lost", async () => {
  const processor = await makeProcessor(TINT);
  const expected = tinted(0.5, [1, 0, 0], 3);
  const lost = await sharedGpu();
  const frame = await makeFrame().to("gpu");
  lost.device.destroy();
  await lost.lost;
  assert.ok(largestError(await process(processor, frame), expected) <= 1);
  assert.ok(largestError(await process(processor), expected) <= 1);
  assert.notEqual(await sharedGpu(), lost);
});

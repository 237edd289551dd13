/** `--model` and shaders as a user runs them: whole programs, real models, pixels compared. */

import assert from "node:assert/strict";
import {
  convertPicture,
  imageFromTensor,
  type Picture,
  Tensor,
  type VideoFrame,
} from "../../src/frames/mod.ts";
import { styleModel, writeModels } from "../../scripts/build_models.ts";
import { convolved, doubled, planes } from "../models/references.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { decodeVideo, type OutputFrame } from "./decoding.ts";
import { runProgram } from "./ffmpeg.ts";

const MOD = new URL("../../mod.ts", import.meta.url).pathname;
const SIZE = { width: 160, height: 128 } as const;
const SECONDS = 1;
const FRAMES = 30;
/** Two codings in a row change a picture by less than this. */
const MIN_PSNR = 30;

/** What `demo` publishes with these arguments. */
async function demo(folder: string, ...args: readonly string[]): Promise<OutputFrame[]> {
  const output = `${folder}/${crypto.randomUUID()}.ts`;
  // Every frame is compared: none may be skipped on a machine that is busy elsewhere.
  const command = `run -A ${MOD} demo --seconds ${SECONDS} --size 160x128 --output ${output} ` +
    "--max-queue-latency 60000 --max-behind 3600000 --overlay off";
  await runProgram(Deno.execPath(), [command, ...args].join(" "));
  return await decodeVideo(await Deno.readFile(output));
}

async function withModels(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeModels(folder);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a model of planar RGB makes of a picture, 0-255. */
function modelled(
  picture: Picture,
  model: (rgb: { data: number[]; width: number; height: number }) => number[],
  scale = 1,
): Picture {
  const { width, height, color } = picture;
  const data = planes(convertPicture(picture, "rgb24"));
  const dims = [1, 3, height * scale, width * scale];
  const numbers = Float32Array.from(model({ data, width, height }));
  return imageFromTensor(new Tensor("float32", numbers, dims), {
    pixelFormat: "i420",
    range: "0-255",
    ...(color === undefined ? {} : { color }),
  });
}

/** Peak signal-to-noise ratio over all planes, in decibels. */
function psnr(a: Pick<VideoFrame, "data"> | Picture, b: Picture): number {
  assert.equal(a.data.length, b.data.length);
  let sum = 0;
  for (let at = 0; at < b.data.length; at++) sum += (a.data[at]! - b.data[at]!) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / b.data.length));
}

function assertAllFrames(frames: readonly OutputFrame[]): void {
  assert.equal(frames.length, FRAMES);
  const ticks = frames.map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(ticks, ticks.map((_, index) => ticks[0]! + index * 3000));
}

let plainDemo: Promise<OutputFrame[]> | undefined;

/** What is published without a model; made by the test that needs it first. */
function plainFrames(folder: string): Promise<OutputFrame[]> {
  return plainDemo ??= demo(folder);
}

Deno.test("demo --model gives the pixels that the model makes of each frame", async () => {
  await withModels(async (folder) => {
    const plain = await plainFrames(folder);
    const output = await demo(folder, `--model ${folder}/convolution.onnx`);
    assertAllFrames(output);
    for (const [index, { picture }] of output.entries()) {
      const before = plain[index]!.picture;
      const ratio = psnr(picture, modelled(before, convolved));
      assert.ok(ratio > MIN_PSNR, `frame ${index}: ${ratio} dB`);
      // The model swaps colours: what was not processed would show.
      assert.ok(psnr(picture, before) < 20, `frame ${index} is as it was`);
    }
  });
});

gpuTest("demo --model gives the same on WebGPU", async () => {
  await withModels(async (folder) => {
    const plain = await demo(folder, "--size 64x48");
    const options = `--model-options {"provider":"webgpu"}`;
    const output = await demo(
      folder,
      `--size 64x48 --model ${folder}/convolution_64x48.onnx ${options}`,
    );
    assert.equal(output.length, plain.length);
    for (const [index, { picture }] of output.entries()) {
      const ratio = psnr(picture, modelled(plain[index]!.picture, convolved));
      assert.ok(ratio > 26, `frame ${index}: ${ratio} dB`);
    }
  });
});

Deno.test("a model that doubles frames doubles what is published", async () => {
  await withModels(async (folder) => {
    const plain = await plainFrames(folder);
    const output = await demo(folder, `--model ${folder}/upscaler.onnx`);
    assertAllFrames(output);
    for (const [index, { picture, stamp }] of output.entries()) {
      assert.deepEqual([picture.width, picture.height], [SIZE.width * 2, SIZE.height * 2]);
      assert.equal(stamp, plain[index]!.stamp);
      const ratio = psnr(picture, modelled(plain[index]!.picture, doubled, 2));
      assert.ok(ratio > MIN_PSNR, `frame ${index}: ${ratio} dB`);
    }
  });
});

Deno.test("a model of a fixed size gives frames of the size that came", async () => {
  await withModels(async (folder) => {
    const model = `${folder}/style_fixed.onnx`;
    await Deno.writeFile(model, styleModel({ width: 96, height: 96 }));
    const output = await demo(folder, `--model ${model}`);
    assertAllFrames(output);
    for (const { picture } of output) {
      assert.deepEqual([picture.width, picture.height], [SIZE.width, SIZE.height]);
    }
  });
});

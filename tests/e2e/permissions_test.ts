/** A worker with the smallest set of permissions for what it is to do: a stream through it is whole. */

import assert from "node:assert/strict";
import { externalDataModel, writeModels } from "../../scripts/build_models.ts";
import { testWith } from "../facilities.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";
import { assertNotRefused } from "./permissions.ts";

const PROCESSOR = new URL("./processors/even_frames.ts", import.meta.url).pathname;

const SHADER = new URL("./processors/shader.ts", import.meta.url).pathname;

/** Options of the worker, by what they are for; `MODELS` stands for a folder with models. */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  "a processor of its own": ["--processor", "grayscale"],
  "ffmpeg that waits": ["--warm-ffmpeg", "2"],
  "a processor's file": ["--processor", PROCESSOR],
  "a model": ["--model", "MODELS/upscaler.onnx", "--model-options", '{"provider":"wasm"}'],
  "threads": ["--isolate", "thread"],
  "a processor's file in a thread": ["--isolate", "thread", "--processor", PROCESSOR],
  "processes": ["--isolate", "process"],
  "a processor's file in a process": ["--isolate", "process", "--processor", PROCESSOR],
  "a model in a process": [
    ...["--isolate", "process", "--model", "MODELS/upscaler.onnx"],
    ...["--model-options", '{"provider":"wasm"}'],
  ],
  "a model whose weights are elsewhere": [
    ...["--model", "MODELS/apart.onnx", "--model-options", '{"provider":"wasm"}'],
  ],
  "a model in a process whose weights are elsewhere": [
    ...["--isolate", "process", "--model", "MODELS/apart.onnx"],
    ...["--model-options", '{"provider":"wasm"}'],
  ],
};

/** The same for a machine with a GPU, software or not. */
const GPU_FEATURES: typeof FEATURES = {
  "a shader": ["--processor", SHADER],
  "a shader in a process": ["--isolate", "process", "--processor", SHADER],
  "a model on the GPU": [
    ...["--model", "MODELS/upscaler.onnx", "--model-options", '{"provider":"webgpu"}'],
  ],
};

const gpuTest = await testWith("gpu");

for (const [feature, args] of Object.entries(FEATURES)) {
  Deno.test(`with the smallest permissions for ${feature}, a stream is whole`, () =>
    assertWhole(args));
}

for (const [feature, args] of Object.entries(GPU_FEATURES)) {
  gpuTest(
    `with the smallest permissions for ${feature}, a stream is whole`,
    () => assertWhole(args),
  );
}

async function assertWhole(args: readonly string[]): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    if (args.includes("--model")) await writeTestModels(folder);
    const own = args.map((arg) => arg.replace("MODELS", folder));
    await using chain = await Chain.startWith({ permissions: "smallest" }, ...own);
    const clip = await makeTestClip({ width: 96, height: 64, seconds: 1, audio: true });
    const { bytes } = await chain.run(clip);
    const frames = await decodeVideo(bytes);
    const every = args.includes(PROCESSOR) ? 2 : 1;
    assert.equal(frames.length, Math.ceil(shownTicks(clip).length / every));
    const { error_count } = await chain.metrics();
    assert.equal(error_count, 0);
    for (const path of ["/metrics", "/hardware/info", "/health", "/stream/status"]) {
      const response = await fetch(`${chain.worker.url}${path}`);
      await response.body?.cancel();
      assert.equal(response.status, 200, path);
    }
    assertNotRefused(chain.worker.log);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeTestModels(folder: string): Promise<void> {
  await writeModels(folder);
  const { model, dataPath, data } = externalDataModel("weights/of.bin");
  await Deno.mkdir(`${folder}/weights`);
  await Deno.writeFile(`${folder}/apart.onnx`, model);
  await Deno.writeFile(`${folder}/${dataPath}`, data);
}

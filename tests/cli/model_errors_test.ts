/** What `--model` says when the model, or what was said of it, cannot be used. */

import assert from "node:assert/strict";
import {
  convolutionModel,
  futureOpsetModel,
  htmlPage,
  notOnnx,
  stringInputModel,
  truncatedModel,
  unknownOperatorModel,
  vectorInputModel,
} from "../../scripts/build_models.ts";
import { testWith } from "../facilities.ts";
import { runHere } from "./command_here.ts";
import { type CommandResult, runToEnd } from "./command_process.ts";

let clip: Uint8Array | undefined;

/** A second of video, made once. */
async function makeClip(): Promise<Uint8Array> {
  const { success, stdout } = await new Deno.Command("ffmpeg", {
    args: [
      ..."-v error -f lavfi -i testsrc=s=64x48:r=10:d=1 -c:v libx264 -pix_fmt yuv420p".split(" "),
      ..."-f mpegts pipe:1".split(" "),
    ],
    stdin: "null",
    stdout: "piped",
  }).output();
  assert.ok(success);
  return stdout;
}

/** `process` with a model of these bytes, or none, and more arguments. */
async function processWith(
  model: Uint8Array | undefined,
  args: readonly string[] = [],
  run: (args: readonly string[]) => Promise<CommandResult> = runHere,
): Promise<{ readonly code: number; readonly stderr: string }> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/in.ts`, clip ??= await makeClip());
    if (model !== undefined) await Deno.writeFile(`${folder}/model.onnx`, model);
    return await run([
      ...["process", `${folder}/in.ts`, `${folder}/out.mp4`, "--model", `${folder}/model.onnx`],
      ...["--log-level", "error", ...args],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The one line that stands for the error. */
function assertOneLine(stderr: string, pattern: RegExp): void {
  const lines = stderr.split("\n").filter((line) => line !== "");
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0]!, /^error: Cannot /);
  assert.match(lines[0]!, pattern);
}

const BROKEN: readonly (readonly [string, Uint8Array | undefined, RegExp])[] = [
  ["that is not there", undefined, /model\.onnx.*(no such|not there|there is no)/i],
  ["that is not ONNX", notOnnx(), /not an? ONNX|no ONNX/i],
  ["that is a web page", htmlPage(), /ONNX/],
  ["that is cut off", truncatedModel(), /model\.onnx/],
  ["of an opset of the future", futureOpsetModel(), /operator set 999/],
  ["with an operator that nobody knows", unknownOperatorModel(), /operator|not.*support/i],
  ["with an input that no frame can fill", vectorInputModel(), /input/],
  ["with an input of text", stringInputModel(), /input/],
];

for (const [what, model, pattern] of BROKEN) {
  Deno.test(`a model ${what} is one clear line and exit code 1`, async () => {
    const { code, stderr } = await processWith(model);
    assert.equal(code, 1, stderr);
    assertOneLine(stderr, pattern);
  });
}

Deno.test("so it is where the command is a process", async () => {
  const { code, stderr } = await processWith(notOnnx(), [], runToEnd);
  assert.equal(code, 1, stderr);
  assertOneLine(stderr, /ONNX/);
});

Deno.test("options of a model that cannot be are exit code 2, and named", async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--model-options", "{"], /--model-options.*JSON object/s],
    [["--model-options", '{"inputs":{}}'], /inputs/],
    [["--model-options", '{"input":{"range":"0-2"}}'], /range/],
    [["--model-options", '{"provider":"cuda"}'], /provider/],
    [["--model-options", '{"load":{"sha256":"12"}}'], /64 hexadecimal digits/],
    [["--processor", "invert"], /--model.*cannot be used with.*--processor/s],
    [["--gpu-depth", "0"], /gpu-depth.*whole number/s],
  ];
  for (const [args, pattern] of cases) {
    const { code, stderr } = await processWith(convolutionModel(), args);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.match(stderr, pattern);
  }
});

Deno.test("a model whose checksum is another is refused", async () => {
  const options = JSON.stringify({ load: { sha256: "0".repeat(64) } });
  const { code, stderr } = await processWith(convolutionModel(), ["--model-options", options]);
  assert.equal(code, 1);
  assertOneLine(stderr, /SHA-256|checksum/i);
});

Deno.test("a model from the web is downloaded once and kept", async () => {
  let downloads = 0;
  const folder = await Deno.makeTempDir();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    downloads++;
    return new Response(convolutionModel());
  });
  try {
    const { port } = server.addr;
    await Deno.writeFile(`${folder}/in.ts`, clip ??= await makeClip());
    // The second is a process of its own, which can only have it from the disk.
    for (const [name, run] of [["one", runHere], ["two", runToEnd]] as const) {
      const { code, stderr } = await run([
        ...["process", `${folder}/in.ts`, `${folder}/${name}.mp4`],
        ...["--model", `http://127.0.0.1:${port}/models/blur.onnx`],
      ], { env: { RUNNEL_CACHE_DIR: `${folder}/cache`, XDG_RUNTIME_DIR: folder } });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /10 frames in .* 0 dropped, 0 errors/);
    }
    assert.equal(downloads, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const testOnSoftware = await testWith("software-gpu");

testOnSoftware("--require-gpu refuses a software adapter", async () => {
  const { code, stderr } = await processWith(convolutionModel(), ["--require-gpu"], runToEnd);
  assert.equal(code, 1, stderr);
  assertOneLine(stderr, /software|hardware/);
});

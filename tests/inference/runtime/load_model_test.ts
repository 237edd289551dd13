import assert from "node:assert/strict";
import { ConfigError, GpuError, ModelError } from "../../../src/base/errors.ts";
import { chooseProvider, loadModel, type LoadModelOptions } from "../../../src/inference/mod.ts";
import {
  convolutionModel,
  externalDataModel,
  futureOpsetModel,
  heavyModel,
  htmlPage,
  notOnnx,
  truncatedModel,
  unknownOperatorModel,
  vectorInputModel,
} from "../../../scripts/build_models.ts";
import { checkFitsDevice } from "../../../src/inference/onnx/webgpu_limits.ts";
import { readOnnxFile } from "../../../src/inference/onnx/onnx_file.ts";
import { sha256Hex } from "../../../src/inference/files/download.ts";
import { testTensor } from "../../models/tensors.ts";
import { fileServer } from "../files/file_server.ts";
import { inTempFolder } from "../files/temp_folder.ts";
import { until } from "../../waiting.ts";

const WASM: LoadModelOptions = { provider: "wasm" };

function failsWith(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ModelError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

Deno.test("loadModel() takes bytes, a path and a file URL, and says what the model takes", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/my convolution.onnx`;
    const bytes = convolutionModel();
    await Deno.writeFile(path, bytes);
    for (const source of [bytes, path, new URL(`file://${path}`), new URL(`file://${path}`).href]) {
      await using model = await loadModel(source, WASM);
      assert.equal(model.name, source === bytes ? "(bytes)" : "my convolution.onnx");
      assert.equal(model.provider, "wasm");
      assert.equal(model.gpu, undefined);
      assert.equal(model.bytes, bytes.length);
      const dims = [1, 3, "height", "width"];
      assert.deepEqual(model.inputs, [{ name: "input", type: "float32", dims }]);
      assert.deepEqual(model.outputs, [{ name: "output", type: "float32", dims }]);
    }
  });
});

Deno.test("loadModel() fixes open dimensions by name", async () => {
  await using model = await loadModel(convolutionModel(), {
    ...WASM,
    name: "blur",
    dims: { height: 4, width: 6 },
  });
  assert.deepEqual(model.inputs[0]!.dims, [1, 3, 4, 6]);
  assert.equal(model.name, "blur");
  await model.warmUp();
  const wrong = model.run({ input: testTensor("float32", [1, 3, 4, 4]) });
  await assert.rejects(
    wrong,
    failsWith("MODEL_INPUT", /blur: .*\[1,3,4,4\]; it takes .*\[1,3,4,6\]/),
  );
});

Deno.test("loadModel() downloads a URL once, with progress, and checks its SHA-256", async () => {
  await inTempFolder(async (cacheDir) => {
    const bytes = convolutionModel();
    await using server = fileServer(["whole"], bytes);
    const loaded: number[] = [];
    const options = {
      ...WASM,
      cacheDir,
      sha256: await sha256Hex(bytes),
      onProgress: ({ loadedBytes }: { loadedBytes: number }) => loaded.push(loadedBytes),
    };
    {
      await using model = await loadModel(server.url, options);
      assert.equal(model.name, "model.onnx");
      assert.equal(loaded.at(-1), bytes.length);
    }
    await using _again = await loadModel(server.url.href, options);
    assert.equal(server.requests, 1);
    const other = { ...options, sha256: "f".repeat(64) };
    await assert.rejects(loadModel(server.url, other), failsWith("MODEL_CHECKSUM", /SHA-256/));
    const failing = loadModel(bytes, { ...WASM, sha256: "f".repeat(64) });
    await assert.rejects(failing, failsWith("MODEL_CHECKSUM", /Cannot load the model \(bytes\)/));
  });
});

Deno.test("loadModel() shares one session between equal loads, until the last is disposed of", async () => {
  const bytes = convolutionModel();
  const [one, other] = await Promise.all([loadModel(bytes, WASM), loadModel(bytes, WASM)]);
  await using apart = await loadModel(bytes, { ...WASM, dims: { width: 8 } });
  const feeds = { input: testTensor("float32", [1, 3, 8, 8]) };
  await one.run(feeds);
  assert.equal(other.stats.runs, 1, "the session is shared");
  assert.equal(apart.stats.runs, 0, "other dims, other session");
  await one[Symbol.asyncDispose]();
  await one[Symbol.asyncDispose]();
  await assert.rejects(one.run(feeds), failsWith("MODEL_RUN", /closed/));
  await other.run(feeds);
  await other[Symbol.asyncDispose]();
  await using fresh = await loadModel(bytes, WASM);
  assert.equal(fresh.stats.runs, 0, "the old session ended with its last holder");
});

Deno.test("loadModel() loads a file anew once it has changed", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/model.onnx`;
    await Deno.writeFile(path, convolutionModel());
    await using one = await loadModel(path, WASM);
    await Deno.writeFile(path, vectorInputModel());
    await using other = await loadModel(path, WASM);
    assert.deepEqual([one.inputs[0]!.dims.length, other.inputs[0]!.dims], [4, [1, 7]]);
  });
});

Deno.test("loadModel() does not remember a failed load", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/late.onnx`;
    const message = /Cannot load the model late\.onnx: cannot read .*: there is no such file/;
    await assert.rejects(loadModel(path, WASM), failsWith("MODEL_NOT_FOUND", message));
    await assert.rejects(loadModel(folder, WASM), failsWith("MODEL_NOT_FOUND", /it is a folder/));
    await Deno.writeFile(path, convolutionModel());
    await using model = await loadModel(path, WASM);
    assert.equal(model.stats.runs, 0);
  });
});

Deno.test("loadModel() ends with its signal, and loads anew after that", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["silent", "whole"], convolutionModel());
    const controller = new AbortController();
    const options = { ...WASM, cacheDir };
    const loading = loadModel(server.url, { ...options, signal: controller.signal });
    await until(() => server.requests > 0, "the request");
    controller.abort(new Error("enough"));
    await assert.rejects(loading, /enough/);
    await using model = await loadModel(server.url, options);
    assert.equal(model.stats.runs, 0);
    const aborted = loadModel(server.url, { ...options, signal: AbortSignal.abort() });
    await assert.rejects(aborted, { name: "AbortError" });
  });
});

Deno.test("loadModel() finds weights beside the model, or where it is told", async () => {
  await inTempFolder(async (folder) => {
    const { model: bytes, dataPath, data } = externalDataModel("data/weights.bin");
    await Deno.mkdir(`${folder}/data`);
    await Deno.writeFile(`${folder}/${dataPath}`, data);
    await Deno.writeFile(`${folder}/model.onnx`, bytes);
    const told = { ...WASM, externalData: [{ path: dataPath, source: data }] };
    const input = testTensor("float32", [1, 3, 8, 8]);
    await using plain = await loadModel(convolutionModel(), WASM);
    const wanted = (await plain.run({ input })).output!.data;
    for (const [source, options] of [[`${folder}/model.onnx`, WASM], [bytes, told]] as const) {
      await using model = await loadModel(source, options);
      assert.deepEqual((await model.run({ input })).output!.data, wanted);
      assert.equal(model.bytes, bytes.length + data.length);
    }
  });
});

/** Paths that no file of a model may name. */
const OUTSIDE = [
  "../weights.bin",
  "/etc/weights.bin",
  "a/../../weights.bin",
  "a/./.././../weights.bin",
  "c:weights",
  "file:///etc/passwd",
  "..",
  ".",
  "",
];

/** What means another place in a URL, and is a name beside the model here. */
const NAMES = [
  " file:///etc/passwd",
  "fi\tle:///etc/passwd",
  " //127.0.0.1/etc/passwd",
  "\n//127.0.0.1/",
  "%2e%2e/secret.bin",
  "weights?.bin",
  "weights#.bin",
];

Deno.test("the weights of a model on the web come from its folder, whatever their names mean", async () => {
  const asked: string[] = [];
  let path = "";
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      asked.push(pathname + search);
      return pathname.endsWith("model.onnx")
        ? new Response(externalDataModel(path).model.slice())
        : new Response(null, { status: 404 });
    },
  );
  await inTempFolder(async (cacheDir) => {
    const load = (index: number) =>
      loadModel(`http://127.0.0.1:${server.addr.port}/models/${index}/model.onnx`, {
        ...WASM,
        cacheDir,
      });
    for (const [index, name] of NAMES.entries()) {
      path = name;
      await assert.rejects(load(index), failsWith("MODEL_NOT_FOUND", /the server answered 404/));
      const [file] = asked.splice(0).slice(1);
      const parts = file?.split("/").slice(3).map(decodeURIComponent);
      assert.equal(file?.startsWith(`/models/${index}/`), true, file);
      assert.equal(parts?.join("/"), name);
    }
    for (const [index, name] of [...OUTSIDE, "..\\weights.bin"].entries()) {
      if (name.includes(":")) continue; // a name like any other, here
      path = name;
      const message = /lies outside its folder/;
      await assert.rejects(load(100 + index), failsWith("MODEL_NOT_FOUND", message));
      assert.equal(asked.splice(0).length, 1, "only the model is asked for");
    }
  });
});

Deno.test("loadModel() takes a model, its weights and what they redirect to from allowed hosts alone", async () => {
  const { model, dataPath, data } = externalDataModel("weights.bin");
  const asked: string[] = [];
  await using other = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    asked.push("other");
    return new Response(data.slice());
  });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    if (pathname.endsWith("model.onnx")) return new Response(model.slice());
    return Response.redirect(`http://127.0.0.1:${other.addr.port}/${dataPath}`);
  });
  const own = `127.0.0.1:${server.addr.port}`;
  const refused = /redirects to an address that models are not taken from/;
  await inTempFolder(async (cacheDir) => {
    const load = (allowUrls: readonly string[]) =>
      loadModel(`http://${own}/model.onnx`, { ...WASM, cacheDir, allowUrls });
    const nowhere = failsWith("MODEL_DOWNLOAD", /its host is not one that models are taken from/);
    await assert.rejects(load(["*.example.com"]), nowhere);
    assert.deepEqual(asked, []);
    await assert.rejects(load([own]), failsWith("MODEL_DOWNLOAD", refused));
    assert.deepEqual(asked, ["/model.onnx", "/weights.bin"]);
    await using loaded = await load([own, `127.0.0.1:${other.addr.port}`]);
    assert.equal(asked.at(-1), "other");
    assert.equal(loaded.provider, "wasm");
  });
});

Deno.test("what was downloaded and is no model is not kept", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["whole"], notOnnx().slice());
    for (let attempt = 1; attempt <= 2; attempt++) {
      const loading = loadModel(server.url, { ...WASM, cacheDir });
      await assert.rejects(loading, failsWith("MODEL_INVALID", /not an ONNX model/));
      assert.equal(server.requests, attempt);
    }
  });
});

Deno.test("loadModel() says what is wrong with weights in files of their own", async () => {
  await inTempFolder(async (folder) => {
    const { model, dataPath, data } = externalDataModel("weights.bin");
    await assert.rejects(
      loadModel(model, WASM),
      failsWith("MODEL_NOT_FOUND", /"weights\.bin".*externalData/),
    );
    await Deno.writeFile(`${folder}/model.onnx`, model);
    const loading = () => loadModel(`${folder}/model.onnx`, WASM);
    await assert.rejects(loading(), failsWith("MODEL_NOT_FOUND", /weights\.bin: there is no such/));
    await Deno.writeFile(`${folder}/${dataPath}`, data.subarray(0, 100));
    await assert.rejects(
      loading(),
      failsWith("MODEL_INVALID", /byte 324 of weights\.bin, which has 100/),
    );
    for (const path of OUTSIDE) {
      await Deno.writeFile(`${folder}/model.onnx`, externalDataModel(path).model);
      await assert.rejects(loading(), failsWith("MODEL_NOT_FOUND", /lies outside its folder/));
    }
  });
});

Deno.test("loadModel() refuses a file that is too large before it reads it", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/large.onnx`;
    await Deno.writeFile(path, convolutionModel());
    await Deno.truncate(path, 2 ** 30);
    const message = /has 1024 MiB, and 768 MiB fit; keep the weights in files of their own/;
    await assert.rejects(loadModel(path, WASM), failsWith("MODEL_MEMORY", message));
  });
});

Deno.test("checkFitsDevice() refuses a constant that is larger than a buffer may be", () => {
  const file = readOnnxFile(heavyModel(4096));
  checkFitsDevice("heavy", file, { maxBufferSize: 4096 });
  const external = readOnnxFile(externalDataModel().model);
  for (const [large, limit] of [[file, 4095], [external, 100]] as const) {
    assert.throws(() => checkFitsDevice("heavy", large, { maxBufferSize: limit }), (error) => {
      assert.ok(error instanceof GpuError);
      assert.equal(error.code, "GPU_LIMIT");
      assert.match(
        error.message,
        /Cannot load the model heavy: its constant "weights" has \d+ bytes/,
      );
      return true;
    });
  }
});

const BROKEN = [
  ["bytes that are no model", notOnnx(), "MODEL_INVALID", /not an ONNX model, or truncated/],
  ["a web page", htmlPage(), "MODEL_INVALID", /not an ONNX model/],
  ["nothing", new Uint8Array(0), "MODEL_INVALID", /no graph was found in it \(of 0\)/],
  ["a truncated model", truncatedModel(), "MODEL_INVALID", /truncated: it ends early: \d+ bytes/],
  ["a future operator set", futureOpsetModel(), "MODEL_UNSUPPORTED", /operator set 999; export it/],
  ["an unknown operator", unknownOperatorModel(), "MODEL_UNSUPPORTED", /does not know: Hypnotize/],
] as const;

for (const [what, bytes, code, message] of BROKEN) {
  Deno.test(`loadModel() refuses ${what}, and loads sound ones after it`, async () => {
    await assert.rejects(loadModel(bytes, WASM), failsWith(code, message));
    await using model = await loadModel(convolutionModel(), WASM);
    assert.equal(model.inputs.length, 1);
  });
}

Deno.test("chooseProvider() refuses a provider that does not exist", async () => {
  assert.equal(await chooseProvider("wasm"), "wasm");
  assert.equal(await chooseProvider("webgpu"), "webgpu");
  await assert.rejects(chooseProvider("cuda"), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /"cuda": use auto, webgpu or wasm/);
    return true;
  });
});

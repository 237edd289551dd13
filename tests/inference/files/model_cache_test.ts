import assert from "node:assert/strict";
import { ModelError } from "../../../src/base/errors.ts";
import { cachedDownload, defaultCacheDir } from "../../../src/inference/mod.ts";
import { CONTENT, fileServer, SHA256 } from "./file_server.ts";
import { inTempFolder } from "./temp_folder.ts";

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ModelError && error.code === code;
}

Deno.test("cachedDownload() downloads once", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["whole"]);
    const path = await cachedDownload(server.url, { cacheDir: `${cacheDir}/new/folder` });
    assert.match(path, /\/new\/folder\/[0-9a-f]{16}-model\.onnx$/);
    assert.deepEqual(await Deno.readFile(path), CONTENT);
    const again = await cachedDownload(server.url, { cacheDir: `${cacheDir}/new/folder` });
    assert.equal(again, path);
    assert.equal(server.requests, 1);
  });
});

Deno.test("cachedDownload() leaves nothing of a download that failed or ended early", async () => {
  await inTempFolder(async (cacheDir) => {
    for (const answer of ["cut", 404, 500] as const) {
      await using server = fileServer([answer]);
      const options = { cacheDir, retryDelaysMs: [1] };
      await assert.rejects(cachedDownload(server.url, options), ModelError);
      assert.deepEqual(await namesIn(cacheDir), []);
    }
    await using server = fileServer(["silent"]);
    const ending = new AbortController();
    const onProgress = ({ loadedBytes }: { loadedBytes: number }): void => {
      if (loadedBytes > 0) ending.abort(new Error("enough"));
    };
    const { signal } = ending;
    await assert.rejects(cachedDownload(server.url, { cacheDir, signal, onProgress }), /enough/);
    assert.deepEqual(await namesIn(cacheDir), []);
  });
});

Deno.test("cachedDownload() refuses a file of another SHA-256, and does not keep it", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["whole"]);
    const sha256 = "0".repeat(64);
    const failing = cachedDownload(server.url, { cacheDir, sha256 });
    await assert.rejects(failing, hasCode("MODEL_CHECKSUM"));
    assert.deepEqual(await namesIn(cacheDir), []);
    const path = await cachedDownload(server.url, { cacheDir, sha256: SHA256.toUpperCase() });
    assert.deepEqual(await Deno.readFile(path), CONTENT);
  });
});

Deno.test("cachedDownload() downloads a cached file anew that has another SHA-256", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["whole"]);
    const path = await cachedDownload(server.url, { cacheDir });
    await Deno.writeTextFile(path, "damaged");
    assert.equal(await cachedDownload(server.url, { cacheDir }), path, "unchecked without a sum");
    assert.equal(server.requests, 1);
    await cachedDownload(server.url, { cacheDir, sha256: SHA256 });
    assert.equal(server.requests, 2);
    assert.deepEqual(await Deno.readFile(path), CONTENT);
    await cachedDownload(server.url, { cacheDir, sha256: SHA256 });
    assert.equal(server.requests, 2);
  });
});

Deno.test("cachedDownload() may run twice at once", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["chunked", "whole"]);
    const download = () => cachedDownload(server.url, { cacheDir, sha256: SHA256 });
    const [one, other] = await Promise.all([download(), download()]);
    assert.equal(one, other);
    assert.deepEqual(await Deno.readFile(one), CONTENT);
    assert.equal((await namesIn(cacheDir)).length, 1);
  });
});

Deno.test("cachedDownload() keeps files of different URLs apart, whatever their names", async () => {
  await inTempFolder(async (cacheDir) => {
    await using server = fileServer(["whole"]);
    const paths = [
      "/a/model.onnx",
      "/b/model.onnx",
      "/b/model.onnx?version=2",
      "/",
      "/../.%2e%2fx",
    ];
    const files = [];
    for (const path of paths) {
      files.push(await cachedDownload(new URL(path, server.url), { cacheDir }));
    }
    assert.equal(new Set(files).size, paths.length);
    for (const file of files) assert.ok(file.lastIndexOf("/") === cacheDir.length, file);
  });
});

Deno.test("cachedDownload() removes what a dead process left, and leaves a living one's", async () => {
  await inTempFolder(async (cacheDir) => {
    await Deno.writeTextFile(`${cacheDir}/.partial-old`, "half");
    await Deno.writeTextFile(`${cacheDir}/.partial-new`, "half");
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
    await Deno.utime(`${cacheDir}/.partial-old`, twoDaysAgo, twoDaysAgo);
    await using server = fileServer(["whole"]);
    await cachedDownload(server.url, { cacheDir });
    const names = await namesIn(cacheDir);
    assert.ok(names.includes(".partial-new") && !names.includes(".partial-old"), names.join());
  });
});

Deno.test("defaultCacheDir() follows the environment", () => {
  const names = ["RUNNEL_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"];
  const before = new Map(names.map((name) => [name, Deno.env.get(name)]));
  try {
    for (const name of names) Deno.env.delete(name);
    assert.throws(() => defaultCacheDir(), hasCode("MODEL_DOWNLOAD"));
    Deno.env.set("HOME", "/home/person");
    assert.equal(defaultCacheDir(), "/home/person/.cache/runnel");
    Deno.env.set("XDG_CACHE_HOME", "/cache");
    assert.equal(defaultCacheDir(), "/cache/runnel");
    Deno.env.set("RUNNEL_CACHE_DIR", "/models");
    assert.equal(defaultCacheDir(), "/models");
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

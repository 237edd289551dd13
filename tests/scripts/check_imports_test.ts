import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { checkImports } from "../../scripts/check_imports.ts";
import { brokenRule, roomOf } from "../../scripts/import_rules.ts";
import { lockViolation, packageViolations } from "../../scripts/package_rules.ts";

/** Checks a project made of these files. */
async function check(files: Record<string, string>): Promise<string[]> {
  const root = await Deno.makeTempDir({ prefix: "runnel-check-imports-" });
  try {
    const all = { "deno.json": "{}", "mod.ts": "export {};", "src/base/mod.ts": "", ...files };
    for (const [path, text] of Object.entries(all)) {
      await Deno.mkdir(dirname(join(root, path)), { recursive: true });
      await Deno.writeTextFile(join(root, path), text);
    }
    return await checkImports(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("checkImports() accepts imports that point down the table", async () => {
  const violations = await check({
    "mod.ts": `export * from "./src/session/mod.ts";`,
    "src/session/mod.ts": `import "../trickle/mod.ts"; import "../base/errors.ts";`,
    "src/trickle/mod.ts": `export * from "./http/client.ts";`,
    "src/trickle/http/client.ts": `import "../wire.ts"; import "../../base/mod.ts";`,
    "src/trickle/wire.ts": `import "node:path";`,
    "src/base/errors.ts": "",
  });
  assert.deepEqual(violations, []);
});

Deno.test("checkImports() names file, line and rule of an import that points up", async () => {
  const violations = await check({
    "src/trickle/mod.ts":
      `/** Text. */\n\nimport type { A } from "../media/types.ts";\nexport type B = A;`,
    "src/media/types.ts": "export type A = 1;",
  });
  assert.deepEqual(violations, [
    "src/trickle/mod.ts:3: trickle may not import media: it may import base",
  ]);
});

Deno.test("checkImports() sees dynamic imports and re-exports", async () => {
  const violations = await check({
    "src/base/a.ts": `export const b = () => import("../frames/mod.ts");`,
    "src/base/c.ts": `export * from "../../mod.ts";`,
    "src/frames/mod.ts": "export {};",
  });
  assert.deepEqual(violations, [
    "src/base/a.ts:1: base may not import frames: it may import nothing",
    "src/base/c.ts:1: base may not import mod.ts: it may import nothing",
  ]);
});

Deno.test("checkImports() wants rooms entered through their mod.ts", async () => {
  const violations = await check({
    "src/session/mod.ts": `import "../media/mpegts/demuxer.ts"; import "../trickle/mod.ts";`,
    "src/media/mpegts/demuxer.ts": "",
    "src/trickle/mod.ts": "",
  });
  assert.deepEqual(violations, [
    "src/session/mod.ts:1: session may import media/mpegts only through src/media/mpegts/mod.ts",
  ]);
});

Deno.test("checkImports() finds a circle, also one of types", async () => {
  const violations = await check({
    "src/frames/a.ts": `import { b } from "./b.ts"; export const a = b;`,
    "src/frames/b.ts": `import { c } from "./c.ts"; export const b = c;`,
    "src/frames/c.ts": `\nimport type { a } from "./a.ts"; export const c = 1 as typeof a;`,
  });
  assert.deepEqual(violations, [
    "src/frames/c.ts:2: import cycle: " +
    "src/frames/a.ts -> src/frames/b.ts -> src/frames/c.ts -> src/frames/a.ts",
  ]);
});

Deno.test("checkImports() wants every file in a room of the table", async () => {
  const violations = await check({
    "src/helpers/a.ts": `import "../base/mod.ts";`,
    "src/base/b.ts": `import "../../tests/c.ts";`,
    "tests/c.ts": "",
  });
  assert.deepEqual(violations, [
    "src/base/b.ts:1: base may not import tests/c.ts: it is in no room",
    "src/helpers/a.ts:1: src/helpers/a.ts is in no room: add its room to ROOM_RULES",
  ]);
});

Deno.test("checkImports() fails on an import that leads nowhere", async () => {
  await assert.rejects(check({ "src/base/a.ts": `import "./missing.ts";` }), /missing\.ts/);
  await assert.rejects(check({ "src/base/a.ts": `import "unmapped";` }), /unmapped/);
  await assert.rejects(check({ "src/base/a.ts": `import {` }), /a\.ts/);
});

Deno.test("roomOf() finds the rooms of src/media", () => {
  assert.equal(roomOf("src/media/types.ts"), "media");
  assert.equal(roomOf("src/media/nut/deep/reader.ts"), "media/nut");
  assert.equal(roomOf("src/media/mod.ts"), "media/mod.ts");
  assert.equal(roomOf("src/trickle/server/mod.ts"), "trickle");
  assert.equal(roomOf("src/mod.ts"), undefined);
  assert.equal(roomOf("scripts/ok.ts"), undefined);
});

Deno.test("brokenRule() lets any room read deno.json", () => {
  assert.equal(brokenRule("src/server/version.ts", "deno.json"), undefined);
});

Deno.test("checkImports() refuses imports of text and bytes", async () => {
  const violations = await check({
    "src/gpu/mod.ts": `import code from "./a.wgsl" with { type: "text" };\nexport { code };`,
    "src/gpu/a.wgsl": "fn main() {}",
  });
  assert.deepEqual(violations, [
    "src/gpu/mod.ts:1: a published file may not import text: JSR refuses it; " +
    "use a template in a .ts module",
  ]);
});

Deno.test("packageViolations() sees dynamic imports of bytes", () => {
  const text = `const a = await import("./a.bin", {\n  with: { "type": "bytes" },\n});`;
  const lines = packageViolations("src/gpu/a.ts", text).map(({ line }) => line);
  assert.deepEqual(lines, [2]);
  assert.deepEqual(
    packageViolations("src/a.ts", `import a from "./a.json" with {type: "json"};`),
    [],
  );
});

Deno.test("packageViolations() refuses files that are reached by URL, unless they are listed", () => {
  const text = `/** import.meta.url */\nconst a = "import.meta.url";\nopen(import.meta.url);`;
  assert.deepEqual(packageViolations("src/gpu/a.ts", text), [{
    line: 3,
    rule: "a published file may not use import.meta.url: import the module, or give the reason " +
      "in READS_MODULE_URLS",
  }]);
  assert.deepEqual(packageViolations("src/cli/commands/bench.ts", text), []);
});

Deno.test("lockViolation() names the packages that only tests need", () => {
  const config = JSON.stringify({ imports: { hono: "npm:hono@4.1.0" } });
  const lock = { specifiers: { "npm:hono@4.1.0": "4.1.0", "npm:yaml@2.8.1": "2.8.1" } };
  assert.match(lockViolation(config, JSON.stringify(lock))!, /fetch npm:yaml@2\.8\.1, which/);
  assert.equal(lockViolation(config, JSON.stringify({ specifiers: {} })), undefined);
});

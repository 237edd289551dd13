/** What becomes of a worker when nobody catches an error. */

import assert from "node:assert/strict";
import { isOfRunnelAlone } from "../../src/cli/error_origin.ts";

const PROCESS = new URL("./survivor_process.ts", import.meta.url).pathname;

for (
  const [what, survives] of [
    ["a rejection of Runnel", false],
    ["an error of Runnel", false],
    ["a rejection of a processor", true],
    ["a rejection without an error", true],
    ["an error of a processor", true],
    ["a call of Runnel that a processor does not await", true],
    ["a timer of a processor that calls Runnel", true],
  ] as const
) {
  Deno.test(`a worker ${survives ? "survives" : "ends with"} ${what}`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", PROCESS, what],
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stderr);
    assert.equal(code, survives ? 0 : 1, said);
    assert.equal(decoder.decode(stdout), survives ? "alive\n" : "");
    if (!survives) assert.match(said, /Uncaught.*Cannot/);
  });
}

Deno.test("isOfRunnelAlone() goes by the modules in the stack", () => {
  const own = "https://jsr.io/@runnel/runnel/1.0.0/src/";
  const thrown = (...places: string[]): Error => {
    const error = new Error("x");
    error.stack = `Error: x (file:///home/me/in_the_message.ts:1:1)\n${
      places.map((place, index) => `    at ${index % 2 === 0 ? place : `f (${place})`}`).join("\n")
    }`;
    return error;
  };
  const ours = `${own}session/session.ts:1:2`;
  const neutral = [
    "ext:core/01_core.js:1:1",
    "file:///cache/npm/registry.npmjs.org/zod/4.0.0/x.js:1:1",
  ];
  assert.equal(isOfRunnelAlone(thrown(ours, ...neutral, "<anonymous>"), own), true);
  assert.equal(isOfRunnelAlone(thrown(...neutral, ours, ours), own), true);
  assert.equal(isOfRunnelAlone(thrown(ours, "file:///home/me/processor.ts:3:4"), own), false);
  assert.equal(
    isOfRunnelAlone(thrown("https://jsr.io/@me/blur/1.0.0/mod.ts:1:1", ours), own),
    false,
  );
  assert.equal(isOfRunnelAlone(thrown(...neutral), own), false);
  assert.equal(isOfRunnelAlone("text", own), false);
});

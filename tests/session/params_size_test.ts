import assert from "node:assert/strict";
import { MAX_PARAMS_BYTES, paramsBytes } from "../../src/session/params_size.ts";
import { StreamSettings } from "../../src/session/stream_settings.ts";

Deno.test("parameters that pile up under new names are refused, and replacing goes on", () => {
  const settings = new StreamSettings(undefined, { prompt: "sea" });
  const large = "x".repeat(1 << 20);
  settings.prepare({ first: large }).commit();
  assert.throws(() => settings.prepare({ second: large }), {
    name: "ConfigError",
    code: "CONFIG_INVALID",
    message: /more than 2097152 bytes/,
  });
  for (let i = 0; i < 150; i++) settings.prepare({ first: large.replace("x", String(i)) }).commit();
  assert.deepEqual(Object.keys(settings.values), ["prompt", "first"]);
  assert.throws(() => new StreamSettings(undefined, { a: large, b: large }), /more than/);
});

Deno.test("values that are small as text and large in memory are refused as well", () => {
  const brackets: unknown = JSON.parse(`[${"[],".repeat(300_000)}[]]`);
  assert.throws(() => new StreamSettings(undefined, { brackets }), /more than/);
});

Deno.test("paramsBytes() counts keys, texts and containers, however deep, and no buffers", () => {
  assert.equal(paramsBytes("abc"), 3);
  assert.equal(paramsBytes(7), 8);
  assert.equal(paramsBytes({ ab: [1, null] }), 16 + 2 + 16 + 8 + 8);
  assert.equal(paramsBytes({ mask: new Uint8Array(1 << 20) }), 16 + 4);
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.equal(paramsBytes(deep), 16 * 100_001);
  assert.ok(paramsBytes(deep, 100) <= 200);
  assert.ok(MAX_PARAMS_BYTES > 1 << 20, "what one request may bring fits");
});

import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { FrameProcessor, handlesAudio, loadProcessor } from "../../src/processor/mod.ts";

const ROOM = new URL("../../src/processor/mod.ts", import.meta.url).href;

async function loadText(text: string, name = "own.ts"): Promise<() => FrameProcessor> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return await loadProcessor(`${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function refused(text: string, message: RegExp): Promise<void> {
  const attempt = loadText(text).then((create) => create());
  return assert.rejects(attempt, (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, "CONFIG_PROCESSOR");
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("loadProcessor() finds the built-in processors and gives a new one each time", async () => {
  for (const name of ["passthrough", "grayscale", "invert", "mirror", "timestamp", "gain"]) {
    const create = await loadProcessor(name);
    assert.notEqual(create(), create(), name);
  }
});

Deno.test("loadProcessor() takes what defineProcessor returns, a class, and an instance", async () => {
  const header = `import { defineProcessor, FrameProcessor } from "${ROOM}";\n`;
  const defined = await loadText(`${header}export default defineProcessor({ audio: (a) => a });`);
  assert.equal(handlesAudio(defined()), true);
  const extended = await loadText(`${header}export default class extends FrameProcessor {}`);
  assert.notEqual(extended(), extended());
  const instance = await loadText(
    `${header}class P extends FrameProcessor {}\nexport default new P();`,
  );
  assert.equal(instance(), instance());
});

Deno.test("loadProcessor() takes a path with spaces and signs that mean something in URLs", async () => {
  const text = `import { defineProcessor } from "${ROOM}";\nexport default defineProcessor({});`;
  assert.ok((await loadText(text, "my #1 filter?.ts"))() instanceof FrameProcessor);
});

Deno.test("loadProcessor() names the built-in processors for an unknown name", async () => {
  await assert.rejects(loadProcessor("greyscale"), /Cannot find processor "greyscale".*grayscale/);
  await assert.rejects(loadProcessor("toString"), ConfigError);
});

Deno.test("loadProcessor() says where it looked for a file that is not there", async () => {
  await assert.rejects(loadProcessor("./none.ts"), /\.\/none\.ts: there is no such file.*none\.ts/);
  await assert.rejects(loadProcessor("./tests"), /it is not a file/);
});

Deno.test("loadProcessor() passes on what is wrong with a file", async () => {
  await refused("export default = 1;", /Expression expected|expected/i);
  await refused(`throw new Error("no weights");`, /no weights.*own\.ts:1/);
  await refused(`import "./missing.ts";`, /missing\.ts/);
});

Deno.test("loadProcessor() refuses a default export that is no processor", async () => {
  await refused("export const processor = 1;", /no default export/);
  await refused("export default 42;", /gives number/);
  await refused("export default () => ({});", /gives Object/);
  await refused(`export default () => { throw new Error("no GPU"); };`, /no GPU/);
});

import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import {
  BUILTIN_PROCESSORS,
  defineProcessor,
  FrameProcessor,
  handlesAudio,
  handlesVideo,
  loadProcessor,
  resolveProcessor,
} from "../../src/processor/mod.ts";

const ROOM = new URL("../../src/processor/mod.ts", import.meta.url).href;

async function loadText(text: string, name = "own.ts"): Promise<() => FrameProcessor> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    const source = await loadProcessor(`${folder}/${name}`);
    return () => resolveProcessor(source);
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
    const source = await loadProcessor(name);
    assert.notEqual(resolveProcessor(source), resolveProcessor(source), name);
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
  const header = `import { defineProcessor } from "${ROOM}";\n`;
  await refused(
    `${header}export default () => defineProcessor({});`,
    /gives another function/,
  );
});

Deno.test("loadProcessor() refuses a default export that is no processor", async () => {
  await refused("export const processor = 1;", /no default export/);
  await refused("export default 42;", /gives number/);
  await refused("export default () => ({});", /gives Object/);
  await refused(`export default () => { throw new Error("no GPU"); };`, /no GPU/);
});

Deno.test("resolveProcessor() keeps an instance, constructs a class, and calls a factory", () => {
  class Own extends FrameProcessor {}
  const instance = new Own();
  assert.equal(resolveProcessor(instance), instance);
  assert.ok(resolveProcessor(Own) instanceof Own);
  const defined = defineProcessor({ video: () => null });
  assert.notEqual(resolveProcessor(defined), resolveProcessor(defined));
  assert.throws(() => resolveProcessor({} as FrameProcessor), /option processor.*gives Object/);
  assert.throws(() => resolveProcessor(() => null as never), /gives null/);
});

Deno.test("handlesVideo() and handlesAudio() tell what a processor overrides", () => {
  class Pictures extends FrameProcessor {
    override processVideo(): null {
      return null;
    }
  }
  class MorePictures extends Pictures {}
  const cases: readonly [FrameProcessor, boolean, boolean][] = [
    [new MorePictures(), true, false],
    [defineProcessor({})(), false, false],
    [defineProcessor({ video: () => null })(), true, false],
    [defineProcessor({ audio: () => null })(), false, true],
    [BUILTIN_PROCESSORS["passthrough"]!(), false, false],
    [BUILTIN_PROCESSORS["gain"]!(), false, true],
    [BUILTIN_PROCESSORS["mirror"]!(), true, false],
  ];
  for (const [processor, video, audio] of cases) {
    assert.equal(handlesVideo(processor), video);
    assert.equal(handlesAudio(processor), audio);
  }
});

Deno.test("handlesAudio() knows a processor of another copy of the library", async () => {
  // Another URL is another module instance: its FrameProcessor is not ours.
  const copy: typeof import("../../src/processor/frame_processor.ts") = await import(
    `${new URL("../../src/processor/frame_processor.ts", import.meta.url).href}?copy`
  );
  class Foreign extends copy.FrameProcessor {}
  assert.equal(new Foreign() instanceof FrameProcessor, false);
  const resolved = resolveProcessor(Foreign as typeof FrameProcessor & (new () => FrameProcessor));
  assert.equal(handlesAudio(resolved), false);
  assert.equal(handlesVideo(resolved), false);
});

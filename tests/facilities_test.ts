import assert from "node:assert/strict";
import { runBatches } from "../scripts/tests/test_run.ts";
import { testWith } from "./facilities.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Runs a file whose tests need something that no machine has. */
async function runWithout(env: Record<string, string>): Promise<{ names: string[]; text: string }> {
  const path = await Deno.makeTempFile({ suffix: "_test.ts" });
  const names: string[] = [];
  const texts: string[] = [];
  try {
    await Deno.writeTextFile(
      path,
      `import { testWithout } from "${import.meta.resolve("./facilities.ts")}";
      testWithout("unicorn", "no unicorn; breed one")("rides", () => {});`,
    );
    await runBatches([{ files: [path], args: ["-A", "--no-check"] }], {
      root: ROOT,
      lanes: 1,
      env,
      silenceMs: Infinity,
      signal: new AbortController().signal,
      reporter: {
        loaded: () => {},
        result: ({ name, status }) => names.push(`${name}: ${status}`),
        errors: (text) => texts.push(text),
      },
    });
  } finally {
    await Deno.remove(path);
  }
  return { names, text: texts.join() };
}

Deno.test("a test that misses a facility is skipped, with the reason in its name", async () => {
  const { names } = await runWithout({ RUNNEL_TEST_REQUIRE: "gpu" });
  assert.deepEqual(names, ["rides (skipped: no unicorn; breed one): skipped"]);
});

Deno.test("a test that misses a facility that is required fails, and says what is missing", async () => {
  const { names, text } = await runWithout({ RUNNEL_TEST_REQUIRE: "gpu,unicorn" });
  assert.deepEqual(names, ["rides: failed"]);
  assert.match(text, /Cannot run: no unicorn; breed one; RUNNEL_TEST_REQUIRE asks for "unicorn"/);
});

const terminalTest = await testWith("terminal");

terminalTest("a terminal is one", async () => {
  const script = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", "tty", "/dev/null"],
    stdin: "null",
  });
  assert.match(new TextDecoder().decode((await script.output()).stdout), /^\/dev\//);
});

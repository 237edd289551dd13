import assert from "node:assert/strict";
import { gateSteps, type Step } from "../../scripts/gate_steps.ts";
import { runGate, selectSteps } from "../../scripts/ok.ts";
import { NOT_QUICK, planBatches } from "../../scripts/tests/test_plan.ts";
import { withProject } from "./temp_project.ts";

const signal = new AbortController().signal;

function fixedStep(name: string, passed: number, failed: number, skipped = 0): Step {
  return { name, run: () => Promise.resolve({ passed, failed, skipped }) };
}

async function gate(...steps: Step[]): Promise<{ ok: boolean; output: string[] }> {
  const output: string[] = [];
  const ok = await runGate(steps, (line) => output.push(...line.split("\n")));
  return { ok, output };
}

Deno.test("runGate() ends with the sum of all steps", async () => {
  const { ok, output } = await gate(fixedStep("fmt", 1, 0), fixedStep("tests", 40, 0));
  assert.equal(ok, true);
  assert.equal(output.at(-1), "41 passed, 0 failed");
});

Deno.test("runGate() says how many tests were skipped", async () => {
  const { ok, output } = await gate(fixedStep("fmt", 1, 0), fixedStep("tests", 40, 0, 2));
  assert.equal(ok, true);
  assert.equal(output.at(-1), "41 passed, 0 failed, 2 skipped");
  assert.ok(output.some((line) => /^ok +tests: 40 passed, 0 failed, 2 skipped/.test(line)));
});

Deno.test("runGate() goes on after a failure and then fails", async () => {
  const broken: Step = { name: "broken", run: () => Promise.reject(new Error("no disk")) };
  const { ok, output } = await gate(fixedStep("a", 0, 1), broken, fixedStep("tests", 7, 0));
  assert.equal(ok, false);
  assert.equal(output.at(-1), "7 passed, 2 failed");
  assert.ok(output.includes("Cannot finish broken: no disk"));
});

Deno.test("selectSteps() takes all, the quick ones, or those named", () => {
  const names = (...args: string[]): string[] =>
    selectSteps(args, { root: "/", print: () => {}, signal }).map(({ name }) => name);
  assert.deepEqual(names("lint", "fmt"), ["fmt", "lint"]);
  assert.deepEqual(names("--times"), ["fmt", "lint", "imports", "check", "tests", "publish"]);
  assert.deepEqual(names("--quick"), ["fmt", "lint", "imports", "check", "tests"]);
  assert.throws(() => names("lnit"), /"lnit"/);
  assert.throws(() => names("--fast"), TypeError);
});

/** Runs one step of the gate on a project of these files. */
async function stepOf(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<{ count: unknown; output: string }> {
  const lines: string[] = [];
  return await withProject(files, async (root) => {
    const steps = gateSteps({ root, print: (line) => lines.push(line), signal, times: true });
    const count = await steps.find((step) => step.name === name)!.run();
    return { count, output: lines.join("\n") };
  });
}

Deno.test("a step that fails shows what its command printed", async () => {
  const { count, output } = await stepOf("lint", { "mod.ts": "let a = 1;\nexport { a };\n" });
  assert.deepEqual(count, { passed: 0, failed: 1, skipped: 0 });
  assert.match(output, /FAILED lint: deno lint\n/);
  assert.match(output, /prefer-const/);
  assert.deepEqual((await stepOf("lint", { "mod.ts": "export const a = 1;\n" })).count, {
    passed: 1,
    failed: 0,
    skipped: 0,
  });
});

Deno.test("the tests of a gate have a temporary folder, and its documentation's examples are tests", async () => {
  const { count, output } = await stepOf("tests", {
    "mod.ts": "/**\n * ```ts\n * console.log(1);\n * ```\n */\nexport const a = 1;\n",
    "src/b.ts": "export {};\n",
    "tests/a_test.ts":
      `Deno.test("a", () => Deno.writeTextFileSync(Deno.makeTempFileSync(), "left"));
      Deno.test.ignore("b (skipped: no luck)", () => {});`,
    "tests/e2e/c_test.ts": `Deno.test("c", () => {
        if (Deno.env.get("TMPDIR") !== Deno.env.get("XDG_RUNTIME_DIR")) throw new Error("not set");
      });`,
  });
  assert.deepEqual(count, { passed: 3, failed: 0, skipped: 1 });
  assert.match(output, /^skipped 1: no luck$/m);
  assert.match(output, /slowest tests/);
});

Deno.test("planBatches() begins with the longest, and has each test once", async () => {
  const files = ["tests/base/a_test.ts", "tests/e2e/b_test.ts", "tests/e2e/helper.ts"];
  const texts = Object.fromEntries(files.map((file) => [file, ""]));
  await withProject(texts, async (root) => {
    const batches = await planBatches(root);
    assert.deepEqual(batches.map((batch) => batch.files), [
      ["tests/e2e/b_test.ts"],
      ["tests/base/a_test.ts"],
      ["mod.ts", "src"],
    ]);
    const quick = await planBatches(root, { quick: true });
    assert.deepEqual(quick.map((batch) => batch.files), [["tests/base/a_test.ts"]]);
    assert.ok(quick.every(({ args }) => !args.includes("-A") && !args.includes("--allow-run")));
  });
});

Deno.test("every file that the quick gate leaves out is there", async () => {
  for (const path of NOT_QUICK) {
    assert.ok((await Deno.stat(new URL(`../../${path}`, import.meta.url))).isFile, path);
  }
});

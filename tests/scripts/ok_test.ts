import assert from "node:assert/strict";
import { join } from "node:path";
import { type Step, testStep } from "../../scripts/gate_steps.ts";
import { runGate, selectSteps } from "../../scripts/ok.ts";
import { countTests } from "../../scripts/test_count.ts";

function fixedStep(name: string, passed: number, failed: number, skipped = 0): Step {
  return { name, run: () => Promise.resolve({ passed, failed, skipped }) };
}

async function gate(...steps: Step[]): Promise<{ ok: boolean; output: string[] }> {
  const output: string[] = [];
  const ok = await runGate(steps, (line) => output.push(...line.split("\n")));
  return { ok, output };
}

Deno.test("runGate() ends with the sum of all steps", async () => {
  const { ok, output } = await gate(fixedStep("fmt", 1, 0), fixedStep("tests", 40, 0, 2));
  assert.equal(ok, true);
  assert.equal(output.at(-1), "41 passed, 0 failed");
  assert.ok(output.some((line) => /^ok +tests: 40 passed, 0 failed, 2 skipped/.test(line)));
});

Deno.test("runGate() goes on after a failure and then fails", async () => {
  const broken: Step = { name: "broken", run: () => Promise.reject(new Error("no disk")) };
  const { ok, output } = await gate(fixedStep("a", 0, 1), broken, fixedStep("b", 7, 0));
  assert.equal(ok, false);
  assert.equal(output.at(-1), "7 passed, 2 failed");
  assert.ok(output.includes("Cannot finish broken: no disk"));
});

Deno.test("selectSteps() takes all, those named, or the arguments of deno test", () => {
  const names = (...args: string[]): string[] => selectSteps("/", args).map(({ name }) => name);
  assert.deepEqual(names("lint", "fmt"), ["fmt", "lint"]);
  assert.deepEqual(names("--", "tests/base"), ["tests"]);
  for (const name of ["fmt", "lint", "check", "imports", "tests", "publish"]) {
    assert.ok(names().includes(name), name);
  }
  assert.throws(() => names("lnit"), /"lnit"/);
});

Deno.test("countTests() reads a report and refuses what is none", () => {
  const junit = `<testsuites name="deno test" tests="5" failures="1" errors="1" time="0">
    <testcase name="a"><skipped/></testcase></testsuites>`;
  assert.deepEqual(countTests(junit), { passed: 2, failed: 2, skipped: 1 });
  assert.throws(() => countTests(""), /no total of tests/);
});

Deno.test("testStep() counts passed, failed and skipped tests of a real run", async () => {
  const root = await Deno.makeTempDir({ prefix: "runnel-ok-" });
  try {
    await Deno.writeTextFile(join(root, "deno.json"), "{}");
    await Deno.writeTextFile(
      join(root, "a_test.ts"),
      `Deno.test("a", () => {}); Deno.test("b", () => { throw new Error("b"); });
       Deno.test.ignore("c", () => {}); Deno.test("d", () => {});`,
    );
    assert.deepEqual(await testStep(root, "tests", ["a_test.ts"], "null").run(), {
      passed: 2,
      failed: 1,
      skipped: 1,
    });
    await Deno.writeTextFile(join(root, "a_test.ts"), `throw new Error("does not load");`);
    const count = await testStep(root, "tests", ["a_test.ts"], "null").run();
    assert.ok(count.failed >= 1 && count.passed === 0, JSON.stringify(count));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

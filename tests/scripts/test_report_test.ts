import assert from "node:assert/strict";
import { repeatCommand, TestReport } from "../../scripts/tests/test_report.ts";
import type { TestResult } from "../../scripts/tests/test_output.ts";

function resultOf(name: string, part: Partial<TestResult> = {}): TestResult {
  return { file: "tests/a_test.ts", name, status: "passed", ms: 1_500, output: "", ...part };
}

Deno.test("TestReport prints a line for each file, and failures at once with what repeats them", () => {
  const lines: string[] = [];
  let now = 1_000;
  const report = new TestReport({ print: (line) => lines.push(line), files: 2, now: () => now });
  report.loaded({ file: "tests/a_test.ts", tests: 2, loadMs: 100 });
  report.result(resultOf("good"));
  assert.deepEqual(lines, []);
  now += 65_000;
  report.result(resultOf("it's bad", { status: "failed", output: "said\nmore" }));
  assert.deepEqual(lines, [
    "FAILED tests/a_test.ts => it's bad",
    "       to repeat it: ./runnel test --filter '/^it.s bad$/' tests/a_test.ts",
    "       | said\n       | more",
    "[1:05 1/2 files] tests/a_test.ts: 1 passed, 1 failed (3.0 s)",
  ]);
  report.loaded({ file: "tests/empty_test.ts", tests: 0, loadMs: 1 });
  assert.match(lines.at(-1)!, /^\[1:05 2\/2 files\] tests\/empty_test\.ts: 0 passed, 0 failed/);
  assert.deepEqual(report.count, { passed: 1, failed: 1, skipped: 0 });
});

Deno.test("TestReport counts skipped tests by their reason", () => {
  const report = new TestReport({ print: () => {}, files: 1 });
  for (const name of ["a (skipped: no GPU)", "b (skipped: no GPU)", "c"]) {
    report.result(resultOf(name, { status: "skipped" }));
  }
  assert.deepEqual([...report.skips], [["no GPU", 2], ["no reason given", 1]]);
});

Deno.test("TestReport lists the slowest tests and files", () => {
  const report = new TestReport({ print: () => {}, files: 2 });
  report.loaded({ file: "tests/a_test.ts", tests: 40, loadMs: 1_000 });
  for (let i = 0; i < 40; i++) report.result(resultOf(`test ${i}`, { ms: i * 100 }));
  report.result(resultOf("other", { file: "tests/b_test.ts", ms: 20 }));
  const lines = report.slowest();
  assert.match(lines[0]!, /30 slowest tests/);
  assert.match(lines[1]!, /^ +3\.9 tests\/a_test\.ts => test 39$/);
  assert.match(lines[30]!, /^ +1\.0 tests\/a_test\.ts => test 10$/);
  assert.match(lines[31]!, /slowest files/);
  assert.deepEqual(lines.slice(32), ["   79.0 tests/a_test.ts", "    0.0 tests/b_test.ts"]);
});

Deno.test("repeatCommand() runs the file where no test is to blame", () => {
  assert.equal(
    repeatCommand("tests/a_test.ts", "(between tests)"),
    "./runnel test tests/a_test.ts",
  );
  assert.equal(
    repeatCommand("tests/a_test.ts", "a/b (c) ..."),
    "./runnel test --filter '/^a\\/b \\(c\\) \\.\\.\\.$/' tests/a_test.ts",
  );
});

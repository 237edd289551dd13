import assert from "node:assert/strict";
import type { TestResult } from "../../scripts/tests/test_output.ts";
import { runBatches, type RunOptions } from "../../scripts/tests/test_run.ts";
import { testWith } from "../facilities.ts";
import { until } from "../waiting.ts";
import { isRunning } from "./processes.ts";
import { withProject } from "./temp_project.ts";

const linuxTest = await testWith("linux");
const ARGS = ["-A", "--no-check"];
/** Not reached by a test that passes. */
const LONG_MS = 3_600_000;

/** What a run told. */
class Told {
  readonly results: TestResult[] = [];
  readonly texts: string[] = [];

  loaded(): void {}

  result(result: TestResult): void {
    this.results.push(result);
  }

  errors(text: string): void {
    this.texts.push(text);
  }

  /** `FILE: NAME: STATUS` of each result. */
  get lines(): string[] {
    return this.results.map(({ file, name, status }) => `${file}: ${name}: ${status}`);
  }
}

/** Runs each list of files of a project in a process of its own. */
async function run(
  files: Readonly<Record<string, string>>,
  batches: readonly (readonly string[])[],
  options: Partial<RunOptions> = {},
): Promise<{ told: Told; left: readonly string[] }> {
  const told = new Told();
  const left = await withProject(
    files,
    (root) =>
      runBatches(batches.map((files) => ({ files, args: ARGS })), {
        root,
        lanes: 2,
        silenceMs: LONG_MS,
        signal: new AbortController().signal,
        reporter: told,
        ...options,
      }),
  );
  return { told, left };
}

const GOOD = `Deno.test("good", () => {});`;

Deno.test("runBatches() tells what became of each test of each file", async () => {
  const { told, left } = await run({
    "a_test.ts": `${GOOD} Deno.test("bad", () => { throw new Error("nine lives"); });
      Deno.test.ignore("absent", () => {});`,
    "b_test.ts": GOOD,
    "c_test.ts": GOOD,
  }, [["a_test.ts", "b_test.ts"], ["c_test.ts"]]);
  assert.deepEqual(told.lines.sort(), [
    "a_test.ts: absent: skipped",
    "a_test.ts: bad: failed",
    "a_test.ts: good: passed",
    "b_test.ts: good: passed",
    "c_test.ts: good: passed",
  ]);
  assert.match(told.texts.join(), /bad => .*a_test\.ts:1:.*\n.*Error: nine lives/);
  assert.deepEqual(left, []);
});

Deno.test("runBatches() fails a file that cannot be loaded, and one that is not there", async () => {
  const { told } = await run({
    "a_test.ts": `throw new Error("no weights");`,
    "b_test.ts": GOOD,
  }, [["a_test.ts", "b_test.ts"], ["missing_test.ts"]]);
  const lines = told.lines.sort();
  assert.deepEqual(lines.map((line) => line.split(": ").at(-1)), ["failed", "passed", "failed"]);
  assert.match(lines[2]!, /^missing_test\.ts/);
  assert.match(told.texts.join(), /no weights/);
  assert.match(told.texts.join(), /missing_test\.ts/);
});

Deno.test("runBatches() fails a test that takes its process down, and runs the files behind it", async () => {
  const { told } = await run({
    "a_test.ts": `${GOOD} Deno.test("fatal", () => Deno.kill(Deno.pid, "SIGKILL"));`,
    "b_test.ts": GOOD,
  }, [["a_test.ts", "b_test.ts"]]);
  assert.deepEqual(told.lines, [
    "a_test.ts: good: passed",
    "a_test.ts: fatal: failed",
    "b_test.ts: good: passed",
  ]);
  assert.match(told.texts.join(), /a_test\.ts => fatal\nSIGKILL/);
});

Deno.test("runBatches() ends a process that is silent for too long", async () => {
  const { told, left } = await run({
    "a_test.ts": "await new Promise(() => setTimeout(() => {}, 1e9));",
  }, [
    ["a_test.ts"],
  ], { silenceMs: 0 });
  assert.deepEqual(told.lines, ["a_test.ts: (between tests): failed"]);
  assert.match(told.texts.join(), /nothing for 0 minutes/);
  assert.deepEqual(left, []);
});

linuxTest(
  "runBatches() says what ran when it was ended, keeps what passed, and ends all children",
  async () => {
    const stop = new AbortController();
    const told = new Told();
    const files = {
      "a_test.ts": `Deno.test("starts a child", () => {
        const child = new Deno.Command("sleep", { args: ["3600"] }).spawn();
        console.log("child", child.pid);
      });
      Deno.test("hangs", () => new Promise((resolve) => setTimeout(resolve, 1e9)));`,
      "b_test.ts": GOOD,
      "c_test.ts": GOOD,
    };
    let child = 0;
    const result = told.result.bind(told);
    told.result = (one) => {
      result(one);
      child ||= Number(/child (\d+)/.exec(one.output)?.[1] ?? 0);
      if (child > 0) stop.abort();
    };
    const { left } = await run(files, [["a_test.ts", "b_test.ts"], ["c_test.ts"]], {
      lanes: 1,
      signal: stop.signal,
      reporter: told,
    });
    assert.equal(told.lines[0], "a_test.ts: starts a child: passed");
    assert.equal(told.lines.length, 2);
    assert.match(told.lines[1]!, /^a_test\.ts: (hangs|\(between tests\)): failed$/);
    assert.match(told.texts.join(), /the run was ended while it ran/);
    assert.deepEqual(left, ["b_test.ts", "c_test.ts"]);
    await until(async () => !await isRunning(child), "the child's end");
  },
);

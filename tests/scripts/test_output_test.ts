import assert from "node:assert/strict";
import { type TestEvent, TestOutput } from "../../scripts/tests/test_output.ts";

const GREY = "\x1b[38;5;245m";
const PLAIN = "\x1b[0m";

/** What Deno 2.9 prints for two files: of one with steps and output, and of one that does not load. */
const PRINTED = `${PLAIN}${GREY}------- pre-test output -------${PLAIN}
said while loading
${PLAIN}${GREY}----- pre-test output end -----${PLAIN}
${GREY}running 4 tests from ./tests/a_test.ts${PLAIN}
steps ...
  inner ... ok (0ms)
${GREY}------- output -------${PLAIN}
looks like ... ok (3ms)
no newline${GREY}----- output end -----${PLAIN}
steps ... ok (1ms)
slow ... ok (1m2s)
broken ... FAILED (due to 1 failed step) (4ms)
absent (skipped: no GPU) ... ignored (0ms)
running 2 tests from ./tests/b_test.ts
floats ...
Uncaught error from ./tests/b_test.ts FAILED
floats ... cancelled (0ms)
never begun ... cancelled (0ms)

 ERRORS 

broken => ./tests/a_test.ts:9:6
error: AssertionError: 1 is not 2

 FAILURES 

broken => ./tests/a_test.ts:9:6

FAILED | 2 passed (1 step) | 4 failed (1 step) | 1 ignored (57s)
`;

/** The events of a text that comes in pieces of this size. */
function eventsOf(text: string, pieceLength: number): TestEvent[] {
  let now = 0;
  const output = new TestOutput(() => now += 10);
  const events: TestEvent[] = [];
  for (let at = 0; at < text.length; at += pieceLength) {
    events.push(...output.push(text.slice(at, at + pieceLength)));
  }
  return events;
}

Deno.test("TestOutput reads files, results, output, errors and totals", () => {
  const events = eventsOf(PRINTED, PRINTED.length);
  const results = events.flatMap((event) => event.kind === "result" ? [event.result] : []);
  assert.deepEqual(results.map(({ file, name, status }) => `${file}: ${name}: ${status}`), [
    "tests/a_test.ts: steps: passed",
    "tests/a_test.ts: slow: passed",
    "tests/a_test.ts: broken: failed",
    "tests/a_test.ts: absent (skipped: no GPU): skipped",
    "tests/b_test.ts: uncaught error: floats: failed",
    "tests/b_test.ts: floats: failed",
    "tests/b_test.ts: never begun: failed",
  ]);
  assert.equal(results[0]!.output, "said while loading\nlooks like ... ok (3ms)\nno newline");
  assert.equal(results[1]!.output, "");
  assert.ok(results.every(({ ms }) => ms === 10));
  assert.deepEqual(events.filter(({ kind }) => kind !== "result"), [
    { kind: "file", file: "tests/a_test.ts", tests: 4, loadMs: 10 },
    { kind: "file", file: "tests/b_test.ts", tests: 2, loadMs: 10 },
    {
      kind: "errors",
      text: "broken => ./tests/a_test.ts:9:6\nerror: AssertionError: 1 is not 2",
    },
    { kind: "totals", totals: { passed: 2, failed: 4, skipped: 1 } },
  ]);
});

Deno.test("TestOutput reads the same whatever the pieces are", () => {
  const whole = eventsOf(PRINTED, PRINTED.length);
  for (const pieceLength of [1, 2, 7, 64]) assert.deepEqual(eventsOf(PRINTED, pieceLength), whole);
});

Deno.test("TestOutput knows the test that runs, also behind its output", () => {
  const output = new TestOutput();
  const runningAfter = (text: string): string | undefined => {
    assert.deepEqual([...output.push(text)].filter(({ kind }) => kind === "totals"), []);
    return output.running;
  };
  assert.equal(runningAfter("running 2 tests from ./a_test.ts\n"), undefined);
  assert.equal(output.file, "a_test.ts");
  assert.equal(runningAfter("first ..."), "first");
  assert.equal(runningAfter("\n------- output -------\nsecond ...\n"), "first");
  assert.equal(runningAfter("----- output end -----\n  step ...\n"), "first");
  assert.equal(runningAfter("first ... ok (1ms)\n"), undefined);
  assert.equal(runningAfter("second ..."), "second");
});

Deno.test("TestOutput reads the results of tests that take minutes", () => {
  const events = eventsOf(
    `running 3 tests from ./a_test.ts
bare ...'bare' has been running for over (1m0s)
'bare' has been running for over (2m0s)
 FAILED (2m1s)
steps ...
  in ...'steps' has been running for over (1m0s)
 ok (1m1s)
steps ... ok (1m1s)
talks ...
------- output -------
'talks' has been running for over (1m0s)
----- output end -----
talks ... ok (1m5s)
`,
    13,
  );
  const results = events.flatMap((event) => event.kind === "result" ? [event.result] : []);
  assert.deepEqual(results.map(({ name, status }) => `${name}: ${status}`), [
    "bare: failed",
    "steps: passed",
    "talks: passed",
  ]);
});

Deno.test("TestOutput sees an error that nobody caught behind output that does not end", () => {
  const events = eventsOf(
    `running 1 test from ./a_test.ts
said too late ... FAILED (12ms)
------- post-test output -------
said
Uncaught error from ./a_test.ts FAILED

 ERRORS 

said too late => ./a_test.ts:1:6

 FAILURES 

FAILED | 0 passed | 2 failed (20ms)
`,
    11,
  );
  const results = events.flatMap((event) => event.kind === "result" ? [event.result] : []);
  assert.deepEqual(results.map(({ name, output }) => [name, output]), [
    ["said too late", ""],
    ["uncaught error: (between tests)", "said"],
  ]);
  assert.deepEqual(events.at(-1), {
    kind: "totals",
    totals: { passed: 0, failed: 2, skipped: 0 },
  });
});

Deno.test("TestOutput reads totals of filtered and empty runs", () => {
  for (
    const line of [
      "ok | 1 passed | 0 failed | 1 ignored | 2 filtered out (325ms)",
      "ok | 1 passed (2 steps) | 0 failed | 1 ignored (1 step) (8ms)",
    ]
  ) {
    const totals = { passed: 1, failed: 0, skipped: 1 };
    assert.deepEqual(eventsOf(`\n${line}\n`, 5), [{ kind: "totals", totals }], line);
  }
});

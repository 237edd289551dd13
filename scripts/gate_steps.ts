/**
 * The steps of the gate: what has to hold before a change goes in.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Count, countTests } from "./test_count.ts";

/** One step of the gate. */
export interface Step {
  /** What it is called on the command line and in the summary. */
  readonly name: string;
  /** Runs it, printing as it goes, and says what became of it. */
  run(): Promise<Count>;
}

/** Longer than any healthy run; a step that hangs fails instead of blocking CI. */
const STEP_TIMEOUT_MS = 12 * 60_000;

const PASSED: Count = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Count = { passed: 0, failed: 1, skipped: 0 };
const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

/** The steps in order, run in the project's root. */
export function gateSteps(root: string): Step[] {
  const command = (name: string, ...args: string[]): Step => ({
    name,
    run: async () => await runDeno(root, args) ? PASSED : FAILED,
  });
  return [
    command("fmt", "fmt", "--check"),
    command("lint", "lint"),
    command("check", "check", "--frozen", "."),
    command("imports", "run", "-A", "--frozen", "scripts/check_imports.ts"),
    testStep(root, "docs", ["--doc", "mod.ts", "src"]),
    testStep(root, "tests", ["--parallel", "--ignore=tests/e2e", "tests"]),
    // Whole programs in real time: beside each other they would take each other's processor time.
    existsSync(join(root, "tests/e2e"))
      ? testStep(root, "e2e", ["tests/e2e"])
      : { name: "e2e", run: () => Promise.resolve(NOTHING) },
    command("publish", "publish", "--dry-run", "--allow-dirty"),
  ];
}

/**
 * A step that runs `deno test` with these arguments and counts each test. What the tests print is shown
 * unless `output` is `"null"`.
 */
export function testStep(
  root: string,
  name: string,
  args: readonly string[],
  output: "inherit" | "null" = "inherit",
): Step {
  return {
    name,
    run: async () => {
      const folder = await Deno.makeTempDir({ prefix: "runnel-gate-" });
      try {
        const report = join(folder, "report.xml");
        const options = ["test", "-A", "--frozen", `--junit-path=${report}`];
        const success = await runDeno(root, [...options, ...args], output);
        const count = await readReport(report);
        // A file that does not load or a killed run fails without any test of it failing.
        if (!success && count.failed === 0) return { ...count, failed: 1 };
        return count;
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  };
}

async function readReport(path: string): Promise<Count> {
  try {
    return countTests(await Deno.readTextFile(path));
  } catch (error) {
    // Nothing was written where nothing was run; the exit status says whether that is right.
    if (error instanceof Deno.errors.NotFound) return NOTHING;
    throw error;
  }
}

async function runDeno(
  root: string,
  args: readonly string[],
  output: "inherit" | "null" = "inherit",
): Promise<boolean> {
  const timeout = AbortSignal.timeout(STEP_TIMEOUT_MS);
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    stdin: "null",
    stdout: output,
    stderr: output,
    signal: timeout,
  }).spawn();
  const { success } = await child.status;
  if (timeout.aborted) {
    throw new Error(`deno ${args[0]} had not ended after ${STEP_TIMEOUT_MS / 60_000} minutes`);
  }
  return success;
}

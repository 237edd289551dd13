/**
 * The steps of the gate: what has to hold before a change goes in.
 *
 * @module
 */

import { type Count, describeCount, sumOf } from "./tests/count.ts";
import { LOCK, planBatches } from "./tests/test_plan.ts";
import { TestReport } from "./tests/test_report.ts";
import { runBatches } from "./tests/test_run.ts";

/** One step of the gate. */
export interface Step {
  /** What it is called on the command line and in the summary. */
  readonly name: string;
  /** Runs it, printing as it goes, and says what became of it. */
  run(): Promise<Count>;
}

/** How the gate is run. */
export interface GateOptions {
  /** The project's folder. */
  readonly root: string;
  /** Only what needs neither children nor a GPU. @default false */
  readonly quick?: boolean;
  /** Whether the slowest tests are listed. @default false */
  readonly times?: boolean;
  readonly print: (line: string) => void;
  /** Ends what runs. */
  readonly signal: AbortSignal;
}

/** A process from which nothing came for so long hangs: no test waits longer than a few minutes. */
const SILENCE_MS = 10 * 60_000;

const PASSED: Count = { passed: 1, failed: 0, skipped: 0 };
const FAILED: Count = { passed: 0, failed: 1, skipped: 0 };

/** The steps in order. */
export function gateSteps(options: GateOptions): Step[] {
  const steps = [
    commandStep(options, "fmt", ["fmt", "--check"]),
    commandStep(options, "lint", ["lint"]),
    commandStep(options, "imports", ["run", "-A", "--frozen", "scripts/check_imports.ts"]),
    commandStep(options, "check", ["check", "--quiet", ...LOCK, "."]),
    testStep(options),
  ];
  if (options.quick) return steps;
  return [...steps, commandStep(options, "publish", ["publish", "--dry-run", "--allow-dirty"])];
}

/** A step that runs a command of Deno, and shows what it printed if it fails. */
function commandStep(options: GateOptions, name: string, args: readonly string[]): Step {
  const { root, print, signal } = options;
  return {
    name,
    run: async () => {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [...args],
        cwd: root,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        signal,
      }).output();
      if (success) return PASSED;
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
      print(`FAILED ${name}: deno ${args.join(" ")}\n${out}\n${err}`);
      return FAILED;
    },
  };
}

/** The step that runs the tests, with a temporary folder of its own that is removed after it. */
function testStep({ root, quick = false, times = false, print, signal }: GateOptions): Step {
  return {
    name: "tests",
    run: async () => {
      const batches = await planBatches(root, { quick });
      const files = batches.flatMap((batch) => batch.files);
      const reporter = new TestReport({ print, files: files.length });
      const temp = await Deno.makeTempDir({ prefix: "runnel-tests-" });
      try {
        const left = await runBatches(batches, {
          root,
          // Tests wait for children, timers and each other's ends: one more than there are cores.
          lanes: navigator.hardwareConcurrency + 1,
          env: environmentOf(temp, quick),
          silenceMs: SILENCE_MS,
          signal,
          reporter,
        });
        if (left.length > 0) print(`Not run, since the time was up:\n  ${left.join("\n  ")}`);
        for (const [reason, count] of reporter.skips) print(`skipped ${count}: ${reason}`);
        if (times) { for (const line of reporter.slowest()) print(line); }
        return sumOf([reporter.count, { passed: 0, failed: left.length, skipped: 0 }]);
      } finally {
        await Deno.remove(temp, { recursive: true });
      }
    },
  };
}

function environmentOf(temp: string, quick: boolean): Record<string, string> {
  return {
    TMPDIR: temp,
    // Mesa complains of a missing one for each device.
    XDG_RUNTIME_DIR: temp,
    // Each process compiles its models anew: optimising them costs more than tests gain by it.
    DENO_V8_FLAGS: "--liftoff-only",
    // No driver: tests that need a GPU are skipped.
    ...(quick ? { DENO_WEBGPU_BACKEND: "vulkan", VK_DRIVER_FILES: `${temp}/none` } : {}),
  };
}

/** `ok     lint: 1 passed, 0 failed (0.9 s)` */
export function describeStep(name: string, count: Count, seconds: number): string {
  const verdict = count.failed > 0 ? "FAILED" : "ok    ";
  return `${verdict} ${name}: ${describeCount(count)} (${seconds.toFixed(1)} s)`;
}

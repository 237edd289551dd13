// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * The gate: `deno run -A scripts/ok.ts [--quick] [--times] [STEP...]` runs all steps, or those named.
 * Every step is run, whatever became of the others, and the last line is `N passed, N failed`, with
 * `, N skipped` where tests were skipped.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeStep, type GateOptions, gateSteps, type Step } from "./gate_steps.ts";
import { type Count, describeCount, sumOf } from "./tests/count.ts";
import { interruption } from "./tests/interruption.ts";

/** Longer than any healthy run, and shorter than what CI allows: a gate that hangs says where. */
const LIMIT_MS = 60 * 60_000;

/**
 * Runs the steps: the tests, which wait a lot, beside all others, which follow each other. Resolves to
 * whether all passed.
 */
export async function runGate(
  steps: readonly Step[],
  print: (line: string) => void,
): Promise<boolean> {
  const counts = new Map<Step, { readonly count: Count; readonly seconds: number }>();
  const run = async (step: Step): Promise<void> => {
    const startMs = performance.now();
    const count = await runStep(step, print);
    const seconds = (performance.now() - startMs) / 1000;
    counts.set(step, { count, seconds });
    print(describeStep(step.name, count, seconds));
  };
  const inTurn = async (ofThem: readonly Step[]): Promise<void> => {
    for (const step of ofThem) await run(step);
  };
  const tests = steps.filter(({ name }) => name === "tests");
  await Promise.all([inTurn(steps.filter((step) => !tests.includes(step))), inTurn(tests)]);
  const summary = steps.map((step) => {
    const { count, seconds } = counts.get(step)!;
    return describeStep(step.name, count, seconds);
  });
  const total = sumOf([...counts.values()].map(({ count }) => count));
  print(`\n${summary.join("\n")}\n\n${describeCount(total)}`);
  return total.failed === 0;
}

/** A step that breaks down counts as failed: the others still run. */
async function runStep(step: Step, print: (line: string) => void): Promise<Count> {
  try {
    return await step.run();
  } catch (error) {
    print(`Cannot finish ${step.name}: ${error instanceof Error ? error.message : error}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** The steps that the command line asks for. Throws a `TypeError` for a name or option that is unknown. */
export function selectSteps(
  args: readonly string[],
  gate: Omit<GateOptions, "quick" | "times">,
): Step[] {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { quick: { type: "boolean" }, times: { type: "boolean" } },
  });
  const steps = gateSteps({ ...gate, quick: values.quick ?? false, times: values.times ?? false });
  const unknown = positionals.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) {
    const names = steps.map(({ name }) => name).join(", ");
    throw new TypeError(`Cannot run the step "${unknown}": there is none; use ${names}`);
  }
  return positionals.length === 0 ? steps : steps.filter(({ name }) => positionals.includes(name));
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const signal = AbortSignal.any([interruption(), AbortSignal.timeout(LIMIT_MS)]);
  const steps = selectSteps(Deno.args, { root, print: console.log, signal });
  const ok = await runGate(steps, console.log);
  Deno.exit(ok ? 0 : 1);
}

// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * The gate: `deno run -A scripts/ok.ts [STEP...]` runs all steps, or those named;
 * `deno run -A scripts/ok.ts -- ARGS` runs `deno test ARGS` alone. Every step is run, whatever became
 * of those before it, and the last line is `N passed, N failed`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { gateSteps, type Step, testStep } from "./gate_steps.ts";
import type { Count } from "./test_count.ts";

/** Runs the steps one after the other. Resolves to whether all passed. */
export async function runGate(
  steps: readonly Step[],
  print: (line: string) => void,
): Promise<boolean> {
  const summary: string[] = [];
  let [passed, failed] = [0, 0];
  for (const step of steps) {
    print(`\n== ${step.name}`);
    const start = performance.now();
    const count = await runStep(step, print);
    passed += count.passed;
    failed += count.failed;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    summary.push(`${describe(step.name, count)} (${seconds} s)`);
  }
  print(`\n${summary.join("\n")}\n\n${passed} passed, ${failed} failed`);
  return failed === 0;
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

function describe(name: string, { passed, failed, skipped }: Count): string {
  const skips = skipped > 0 ? `, ${skipped} skipped` : "";
  return `${failed > 0 ? "FAILED" : "ok    "} ${name}: ${passed} passed, ${failed} failed${skips}`;
}

/** The steps that the command line asks for. Throws a `TypeError` for a name that is none. */
export function selectSteps(root: string, args: readonly string[]): Step[] {
  const [first, ...rest] = args;
  if (first === "--") return [testStep(root, "tests", rest)];
  const steps = gateSteps(root);
  const unknown = args.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) {
    const names = steps.map(({ name }) => name).join(", ");
    throw new TypeError(`Cannot run the step "${unknown}": there is none; use ${names}`);
  }
  return args.length === 0 ? steps : steps.filter(({ name }) => args.includes(name));
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const ok = await runGate(selectSteps(root, Deno.args), console.log);
  Deno.exit(ok ? 0 : 1);
}

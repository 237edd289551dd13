// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Repeats tests while the machine is busy elsewhere, and counts how often each fails:
 * `deno run -A scripts/flaky.ts NAME [--times 50] [--load 2]`. NAME is a test file, a folder, or a part of
 * the name of a test. `--load` is how many endless loops run beside it. Exit code 1 when a test failed.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { TestResult } from "./tests/test_output.ts";
import { interruption } from "./tests/interruption.ts";
import { findTests, LOCK } from "./tests/test_plan.ts";
import { runBatches } from "./tests/test_run.ts";

const USAGE = "usage: deno run -A scripts/flaky.ts NAME [--times 50] [--load 2]";
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Longer than the deadlines of several waits in a row. */
const SILENCE_MS = 10 * 60_000;

/** What to repeat, and how. */
export interface FlakyOptions {
  readonly root: string;
  /** A file, a folder, or a part of a test's name. */
  readonly name: string;
  /** How often. */
  readonly times: number;
  /** Endless loops beside it. */
  readonly load: number;
  /** Ends it after what runs then. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** Repeats tests. Resolves to the results of each, by `FILE => NAME`. */
export async function repeatTests(
  { root, name, times, load, signal, print }: FlakyOptions,
): Promise<Map<string, TestResult[]>> {
  const results = new Map<string, TestResult[]>();
  const args = ["-A", ...LOCK, "--no-check"];
  const isPath = existsSync(resolve(root, name));
  const files = isPath ? [name] : await filesWith(root, name);
  await using _loops = endlessLoops(load);
  for (let round = 0; round < times && !signal.aborted; round++) {
    await runBatches([{ files, args: isPath ? args : [...args, "--filter", name] }], {
      root,
      lanes: 1,
      silenceMs: SILENCE_MS,
      signal,
      reporter: {
        loaded: () => {},
        result: (result) => {
          const key = `${result.file} => ${result.name}`;
          results.set(key, [...results.get(key) ?? [], result]);
        },
        errors: (text) => print(`\nround ${round + 1} of ${times}\n${text}\n`),
      },
    });
  }
  return results;
}

/** The files whose text has a test's name; all where none has, since names may be put together. */
async function filesWith(root: string, name: string): Promise<string[]> {
  const files = await findTests(root);
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(`${root}/${file}`)));
  const having = files.filter((_, index) => texts[index]!.includes(name));
  return having.length > 0 ? having : files;
}

/** Computes until its parent is gone. */
const LOOP = "const parent = Deno.ppid; for (let i = 1; i % 1e8 || Deno.ppid === parent; i++);";

/** Processes that compute until they are disposed of. */
function endlessLoops(count: number): AsyncDisposable {
  const children = Array.from({ length: count }, () =>
    new Deno.Command(Deno.execPath(), {
      args: ["eval", LOOP],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn());
  return {
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(({ status }) => status));
    },
  };
}

/** A row for each test: runs, failures, and the least, median and greatest time. */
export function tableOf(results: ReadonlyMap<string, readonly TestResult[]>): string[] {
  const rows = [...results].map(([key, runs]) => {
    const failed = runs.filter(({ status }) => status === "failed").length;
    const seconds = runs.map(({ ms }) => ms / 1000).sort((a, b) => a - b);
    const times = [seconds[0]!, seconds[seconds.length >> 1]!, seconds.at(-1)!];
    return `| ${key} | ${runs.length} | ${failed} | ${
      times.map((time) => time.toFixed(2)).join(" / ")
    } |`;
  });
  return [
    "| test | runs | failed | seconds: least / median / greatest |",
    "|---|---|---|---|",
    ...rows,
  ];
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { times: { type: "string", default: "50" }, load: { type: "string", default: "2" } },
  });
  const [name] = positionals;
  const [times, load] = [Number(values.times), Number(values.load)];
  if (name === undefined || !(times >= 1) || !(load >= 0)) {
    console.error(USAGE);
    Deno.exit(2);
  }
  const signal = interruption();
  const results = await repeatTests({ root: ROOT, name, times, load, signal, print: console.log });
  for (const row of tableOf(results)) console.log(row);
  const failed = [...results.values()].flat().some(({ status }) => status === "failed");
  if (results.size === 0) console.error(`No test has "${name}" in its name`);
  Deno.exit(failed || results.size === 0 ? 1 : 0);
}

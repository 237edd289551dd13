/**
 * What a person sees of a test run: a line per file, failures at once, and the slowest tests at the end.
 *
 * @module
 */

import { type Count, countOf, describeCount } from "./count.ts";
import type { TestResult } from "./test_output.ts";
import type { RunReporter } from "./test_run.ts";

/** How many tests and files the list of the slowest has. */
const SLOWEST = 30;

const SKIP_REASON = /\(skipped: (.+)\)$/;

/** Options of a {@linkcode TestReport}. */
export interface TestReportOptions {
  readonly print: (line: string) => void;
  /** How many files are to be run. */
  readonly files: number;
  /** The current time in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** What is known of one file. */
interface FileState {
  /** How many tests it has; `undefined` as long as it was not loaded. */
  tests: number | undefined;
  loadMs: number;
  readonly results: TestResult[];
}

/** Prints a run as it goes, and keeps its results. */
export class TestReport implements RunReporter {
  readonly #print: (line: string) => void;
  readonly #now: () => number;
  readonly #startMs: number;
  readonly #toRun: number;
  readonly #files = new Map<string, FileState>();
  #filesDone = 0;

  constructor({ print, files, now = () => performance.now() }: TestReportOptions) {
    this.#print = print;
    this.#now = now;
    this.#startMs = now();
    this.#toRun = files;
  }

  /** What became of all tests so far. */
  get count(): Count {
    return countOf(this.#results);
  }

  /** How many tests were skipped for each reason. */
  get skips(): ReadonlyMap<string, number> {
    const skips = new Map<string, number>();
    for (const { name, status } of this.#results) {
      if (status !== "skipped") continue;
      const reason = SKIP_REASON.exec(name)?.[1] ?? "no reason given";
      skips.set(reason, (skips.get(reason) ?? 0) + 1);
    }
    return skips;
  }

  loaded({ file, tests, loadMs }: { file: string; tests: number; loadMs: number }): void {
    const state = this.#stateOf(file);
    state.tests = tests;
    state.loadMs = loadMs;
    if (tests === 0) this.#done(file, state);
  }

  result(result: TestResult): void {
    const state = this.#stateOf(result.file);
    state.results.push(result);
    if (result.status === "failed") this.#failed(result);
    if (state.results.length === state.tests) this.#done(result.file, state);
  }

  errors(text: string): void {
    this.#print(`\n${text}\n`);
  }

  /** The slowest tests and files, with their seconds. */
  slowest(): string[] {
    const tests = this.#results.map(({ ms, file, name }) => ({ ms, what: `${file} => ${name}` }));
    const files = [...this.#files].map(([what, { loadMs, results }]) => ({
      ms: loadMs + sumMs(results),
      what,
    }));
    return [
      `The ${SLOWEST} slowest tests, in seconds:`,
      ...listOf(tests),
      `The ${SLOWEST} slowest files, in seconds, with the time to load them:`,
      ...listOf(files),
    ];
  }

  get #results(): TestResult[] {
    return [...this.#files.values()].flatMap(({ results }) => results);
  }

  #stateOf(file: string): FileState {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const state: FileState = { tests: undefined, loadMs: 0, results: [] };
    this.#files.set(file, state);
    return state;
  }

  #failed({ file, name, output }: TestResult): void {
    this.#print(`FAILED ${file} => ${name}`);
    this.#print(`       to repeat it: ${repeatCommand(file, name)}`);
    if (output !== "") this.#print(output.replaceAll(/^/gm, "       | "));
  }

  #done(file: string, { results }: FileState): void {
    this.#filesDone++;
    const seconds = Math.round((this.#now() - this.#startMs) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    const progress = `[${clock} ${this.#filesDone}/${this.#toRun} files]`;
    this.#print(
      `${progress} ${file}: ${describeCount(countOf(results))} (${inSeconds(sumMs(results))} s)`,
    );
  }
}

/** The command that runs one test alone. */
export function repeatCommand(file: string, name: string): string {
  // What stands for a result of the whole file has no name of its own.
  if (/^\(|^uncaught error: /.test(name)) return `./runnel test ${file}`;
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&").replaceAll("'", ".");
  return `./runnel test --filter '/^${pattern}$/' ${file}`;
}

function sumMs(results: readonly TestResult[]): number {
  return results.reduce((sum, { ms }) => sum + ms, 0);
}

function listOf(entries: readonly { readonly ms: number; readonly what: string }[]): string[] {
  return [...entries].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST)
    .map(({ ms, what }) => `${inSeconds(ms).padStart(7)} ${what}`);
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

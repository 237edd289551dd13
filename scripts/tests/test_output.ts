/**
 * Reads what `deno test` prints with its default reporter, while it prints it: results as they come, and
 * the test that runs.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";
import type { Count } from "./count.ts";

/** What became of one test. */
export interface TestResult {
  /** The file as `deno test` names it, without `./` in front. */
  readonly file: string;
  readonly name: string;
  readonly status: keyof Count;
  /** From the end of what came before it. Of a file's first test: from the file's start. */
  readonly ms: number;
  /** What it printed; empty for most. */
  readonly output: string;
}

/** What a {@linkcode TestOutput} tells of. */
export type TestEvent =
  /** A file was loaded, which took `loadMs`, and has so many tests. */
  | {
    readonly kind: "file";
    readonly file: string;
    readonly tests: number;
    readonly loadMs: number;
  }
  | { readonly kind: "result"; readonly result: TestResult }
  /** The run is through: the messages and stacks of all that failed. */
  | { readonly kind: "errors"; readonly text: string }
  /** Its last line, which has the totals. */
  | { readonly kind: "totals"; readonly totals: Count };

const FILE = /^running (\d+) tests? from (?:\.\/)?(.+)$/;
const RESULT =
  /^(\S.*) \.\.\. (ok|FAILED|ignored|cancelled)(?: \(due to \d+ failed steps?\))? \([\dµmsh]+\)$/;
/** The result of a test whose name stands on an earlier line. */
const LATE_RESULT =
  /^ ?(ok|FAILED|ignored|cancelled)(?: \(due to \d+ failed steps?\))? \([\dµmsh]+\)$/;
/** What Deno says after a minute, where only the name of a test stands on the line. */
const SLOW = /^(\S.*) \.\.\.'.*' has been running for over \([\dµmsh]+\)$/;
const STARTED = /^(\S.*) \.\.\.\s?$/;
const UNCAUGHT = /^Uncaught error from (?:\.\/)?(.+) FAILED$/;
const TOTALS =
  /^(?:ok|FAILED) \| (\d+) passed(?: \(.*?\))? \| (\d+) failed(?: \(.*?\))?(?: \| (\d+) ignored)?(?: \(.*?\))?(?: \| \d+ measured)?(?: \| (\d+) filtered out)? \(.+\)$/;
const OUTPUT_BEGIN = /^-{5,} (?:pre-test |post-test )?output -{5,}$/;
const OUTPUT_END = /-{5} (?:pre-test |post-test )?output end -{5}$/;

const STATUS = {
  ok: "passed",
  FAILED: "failed",
  cancelled: "failed",
  ignored: "skipped",
} as const;

/** Turns the text of one `deno test` process into events. */
export class TestOutput {
  readonly #now: () => number;
  #sinceMs: number;
  #partial = "";
  #file = "";
  /** The test that has begun, where something follows its name on the same line. */
  #started: string | undefined;
  /** Whether its result follows without its name. */
  #isSlow = false;
  #printed: string[] | undefined;
  #output: string[] = [];
  #errors: string[] | undefined;

  /** The clock gives milliseconds. @default performance.now */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#sinceMs = now();
  }

  /** The file that was loaded last; empty before the first. */
  get file(): string {
    return this.#file;
  }

  /** The name of the test that runs; `undefined` between tests, and while a file is loaded. */
  get running(): string | undefined {
    return this.#started ?? STARTED.exec(stripVTControlCharacters(this.#partial))?.[1];
  }

  /** Takes text in pieces of any size. */
  *push(text: string): Generator<TestEvent> {
    const lines = (this.#partial + text).split("\n");
    this.#partial = lines.pop()!;
    for (const line of lines) yield* this.#line(stripVTControlCharacters(line));
  }

  *#line(line: string): Generator<TestEvent> {
    // An error that nobody caught cuts the output off, without a line that ends it.
    if (UNCAUGHT.test(line)) this.#endOutput();
    if (this.#errors !== undefined) yield* this.#lineOfEnd(line, this.#errors);
    else if (this.#printed !== undefined) this.#lineOfTest(line, this.#printed);
    else if (OUTPUT_BEGIN.test(line)) this.#printed = [];
    else if (line === " ERRORS ") this.#errors = [];
    else yield* this.#lineOfReport(line);
  }

  #lineOfTest(line: string, printed: string[]): void {
    const text = line.replace(OUTPUT_END, "");
    if (text !== "" || text === line) printed.push(text);
    if (text !== line) this.#endOutput();
  }

  #endOutput(): void {
    this.#output.push(...this.#printed ?? []);
    this.#printed = undefined;
  }

  *#lineOfReport(line: string): Generator<TestEvent> {
    const file = FILE.exec(line);
    const result = RESULT.exec(line);
    const late = this.#isSlow ? LATE_RESULT.exec(line) : null;
    const uncaught = UNCAUGHT.exec(line);
    if (file !== null) {
      this.#file = file[2]!;
      yield { kind: "file", file: this.#file, tests: Number(file[1]), loadMs: this.#elapsed() };
    } else if (result !== null) {
      yield this.#result(result[1]!, STATUS[result[2] as keyof typeof STATUS]);
    } else if (late !== null) {
      yield this.#result(this.#started!, STATUS[late[1] as keyof typeof STATUS]);
    } else if (uncaught !== null) {
      this.#file = uncaught[1]!;
      yield this.#result(this.#started ?? "(between tests)", "uncaught");
    } else {
      const slow = SLOW.exec(line)?.[1];
      this.#isSlow ||= slow !== undefined;
      this.#started = slow ?? STARTED.exec(line)?.[1] ?? this.#started;
      yield* totalsOf(line);
    }
  }

  *#lineOfEnd(line: string, errors: string[]): Generator<TestEvent> {
    const totals = [...totalsOf(line)];
    if (totals.length === 0) {
      errors.push(line);
      return;
    }
    const text = errors.join("\n");
    yield { kind: "errors", text: text.slice(0, text.indexOf("\n FAILURES \n")).trim() };
    yield* totals;
    this.#errors = undefined;
  }

  #result(name: string, status: TestResult["status"] | "uncaught"): TestEvent {
    const output = this.#output.join("\n");
    this.#output = [];
    // The test during which an error was not caught is reported as cancelled after it.
    if (status !== "uncaught") this.#started = undefined;
    this.#isSlow = false;
    const result: TestResult = {
      file: this.#file,
      name: status === "uncaught" ? `uncaught error: ${name}` : name,
      status: status === "uncaught" ? "failed" : status,
      ms: this.#elapsed(),
      output,
    };
    return { kind: "result", result };
  }

  #elapsed(): number {
    const now = this.#now();
    const ms = now - this.#sinceMs;
    this.#sinceMs = now;
    return ms;
  }
}

function* totalsOf(line: string): Generator<TestEvent> {
  const totals = TOTALS.exec(line);
  if (totals === null) return;
  const [, passed, failed, skipped = "0"] = totals;
  yield {
    kind: "totals",
    totals: { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) },
  };
}

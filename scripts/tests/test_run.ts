/**
 * Runs test files in several `deno test` processes side by side.
 *
 * @module
 */

import type { TestEvent, TestResult } from "./test_output.ts";
import { TestProcess, type TestProcessEnd } from "./test_process.ts";

/** Files that one process runs, one after the other. */
export interface Batch {
  readonly files: readonly string[];
  /** The arguments of `deno test` in front of them. */
  readonly args: readonly string[];
}

/** Options of {@linkcode runBatches}. */
export interface RunOptions {
  readonly root: string;
  /** Processes side by side. */
  readonly lanes: number;
  /** Variables of the tests' environment beside those of this process. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** A process from which nothing came for so long is ended. */
  readonly silenceMs: number;
  /** Ends the run: what runs then has failed, what has not begun is not run. */
  readonly signal: AbortSignal;
  /** Is told what happens. */
  readonly reporter: RunReporter;
}

/** What is told of a run. */
export interface RunReporter {
  /** A file was loaded. */
  loaded(file: { readonly file: string; readonly tests: number; readonly loadMs: number }): void;
  /** A test ended. */
  result(result: TestResult): void;
  /** The messages and stacks of the failures of one process. */
  errors(text: string): void;
}

/** Runs all batches. Resolves to the files that were not run, since the signal aborted. */
export async function runBatches(
  batches: readonly Batch[],
  options: RunOptions,
): Promise<readonly string[]> {
  const queue = [...batches];
  const lane = async (): Promise<void> => {
    for (let batch; !options.signal.aborted && (batch = queue.shift()) !== undefined;) {
      const rest = await new BatchRun(batch, options).run();
      if (rest.length > 0) queue.unshift({ ...batch, files: rest });
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return queue.flatMap(({ files }) => files);
}

/** One process, watched. */
class BatchRun {
  readonly #batch: Batch;
  readonly #options: RunOptions;
  readonly #loaded = new Set<string>();
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };
  /** Why it was ended. */
  #ended: string | undefined;

  constructor(batch: Batch, options: RunOptions) {
    this.#batch = batch;
    this.#options = options;
  }

  /** Resolves to the files that are still to be run: those behind a test that took the process down. */
  async run(): Promise<string[]> {
    const { root, env = {}, signal, silenceMs } = this.#options;
    const { files, args } = this.#batch;
    let heardMs = performance.now();
    const test = new TestProcess({
      root,
      env,
      args: [...args, ...files],
      onEvent: (event) => {
        heardMs = performance.now();
        this.#event(event);
      },
    });
    const end = (why: string): void => {
      this.#ended ??= why;
      test.kill();
    };
    const onAbort = (): void => end("the run was ended while it ran");
    signal.addEventListener("abort", onAbort);
    const watch = setInterval(() => {
      if (performance.now() - heardMs > silenceMs) end(`nothing for ${silenceMs / 60_000} minutes`);
    }, 1_000);
    try {
      const ended = await test.ended;
      return this.#settle(test, ended);
    } finally {
      clearInterval(watch);
      signal.removeEventListener("abort", onAbort);
      test.kill(); // what its tests left behind
    }
  }

  #event(event: TestEvent): void {
    const { reporter } = this.#options;
    if (event.kind === "file") {
      this.#loaded.add(event.file);
      reporter.loaded(event);
    } else if (event.kind === "result") {
      this.#counts[event.result.status]++;
      this.#loaded.add(event.result.file);
      reporter.result(event.result);
    } else if (event.kind === "errors") reporter.errors(event.text);
  }

  /** Whatever was not said by a test becomes a failure of its own: nothing is passed over. */
  #settle({ running }: TestProcess, end: TestProcessEnd): string[] {
    const { totals, success, how, stderr } = end;
    if (totals === undefined) {
      const rest = this.#batch.files.filter((file) => !this.#loaded.has(file));
      const where = running ?? { file: this.#batch.files[0]!, name: undefined };
      this.#fail(where.file, where.name ?? "(between tests)", this.#ended ?? `${how}\n${stderr}`);
      // Where no file was loaded, the same would come again.
      return rest.length < this.#batch.files.length ? rest : [];
    }
    const { passed, failed, skipped } = this.#counts;
    const isCounted = totals.passed === passed && totals.failed === failed &&
      totals.skipped === skipped;
    if (!isCounted) {
      const [seen, said] = [this.#counts, totals].map((counts) => JSON.stringify(counts));
      this.#fail(
        this.#files,
        "(the report)",
        `its results add up to ${seen}, its end says ${said}`,
      );
    } else if (!success && failed === 0) {
      this.#fail(this.#files, "(the process)", `${how}\n${stderr}`);
    }
    return [];
  }

  get #files(): string {
    return this.#batch.files.join(" ");
  }

  #fail(file: string, name: string, message: string): void {
    const { reporter } = this.#options;
    reporter.result({ file, name, status: "failed", ms: 0, output: "" });
    reporter.errors(`${file} => ${name}\n${message.trim()}`);
  }
}

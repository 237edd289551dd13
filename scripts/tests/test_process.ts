/**
 * One `deno test` process.
 *
 * @module
 */

import type { Count } from "./count.ts";
import { type TestEvent, TestOutput } from "./test_output.ts";

/** What a {@linkcode TestProcess} runs. */
export interface TestProcessOptions {
  /** The folder in which it runs. */
  readonly root: string;
  /** Arguments of `deno test`. */
  readonly args: readonly string[];
  /** Variables beside those of this process. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each event as it comes. */
  readonly onEvent: (event: TestEvent) => void;
}

/** How a {@linkcode TestProcess} ended. */
export interface TestProcessEnd {
  readonly success: boolean;
  /** In words, such as "exit code 1" or "SIGKILL". */
  readonly how: string;
  /** `undefined` when it ended before its last line. */
  readonly totals: Count | undefined;
  /** What it wrote to standard error: what Deno says of files that it cannot run. */
  readonly stderr: string;
}

/** A run of `deno test` that tells what happens in it. */
export class TestProcess {
  /** Resolves when the process ended and all of its output was read. */
  readonly ended: Promise<TestProcessEnd>;
  readonly #child: Deno.ChildProcess;
  readonly #output = new TestOutput();

  /** Starts it. */
  constructor({ root, args, env = {}, onEvent }: TestProcessOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["test", ...args],
      cwd: root,
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, so that kill() also ends what the tests started.
      detached: true,
    }).spawn();
    this.ended = this.#read(onEvent);
  }

  /** The test that runs, with its file; `undefined` before the first. */
  get running(): { readonly file: string; readonly name: string | undefined } | undefined {
    const { file, running } = this.#output;
    return file === "" ? undefined : { file, name: running };
  }

  /** Ends it and all processes that its tests started. */
  kill(): void {
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // it has ended by itself
    }
  }

  async #read(onEvent: (event: TestEvent) => void): Promise<TestProcessEnd> {
    let totals: Count | undefined;
    const stderr = this.#child.stderr.text();
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      for (const event of this.#output.push(text)) {
        if (event.kind === "totals") totals = event.totals;
        onEvent(event);
      }
    }
    const { success, code, signal } = await this.#child.status;
    const how = signal ?? `exit code ${code}`;
    return { success, how, totals, stderr: (await stderr).trim() };
  }
}

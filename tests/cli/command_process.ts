/**
 * Runs commands as processes, as a user does.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DEADLINE_MS } from "../waiting.ts";

const MOD = new URL("../../mod.ts", import.meta.url).pathname;

/** What a command that ended left. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Most descriptors of the process. @default those of this process */
  readonly openFiles?: number;
}

/** A command that runs. Disposing of it ends it and waits for that. */
export class CommandProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Uint8Array[] = [];
  readonly #outputsDone: Promise<unknown>;
  readonly #waiting = new Set<() => void>();
  #stderr = "";
  #ended = false;

  /** Starts `deno run -A mod.ts ...args`. */
  constructor(args: readonly string[], options: CommandOptions = {}) {
    const limit = options.openFiles === undefined ? "" : `ulimit -n ${options.openFiles}; `;
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        `${limit}exec "$@"`,
        "sh",
        Deno.execPath(),
        "run",
        "-A",
        "--quiet",
        MOD,
        ...args,
      ],
      env: { NO_COLOR: "1", ...options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#outputsDone = Promise.all([this.#readStdout(), this.#readStderr()]);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Standard output so far. */
  get stdoutBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#stdout.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const chunk of this.#stdout) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return bytes;
  }

  /** Waits for a match on standard error; fails when the command ends without it. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.until(() => pattern.exec(this.#stderr) ?? undefined);
  }

  /** Waits until a look at the output gives something; fails when the command ends before. */
  async until<T>(look: () => T | undefined): Promise<T> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      assert.ok(!this.#ended, `the command ended too early:\n${this.#stderr}`);
      assert.ok(performance.now() < deadline, `the command went on without it:\n${this.#stderr}`);
      await this.#nextOutput();
    }
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. */
  async result(): Promise<CommandResult> {
    const [{ code }] = await Promise.all([this.#child.status, this.#outputsDone]);
    const stdout = new TextDecoder().decode(this.stdoutBytes);
    return { code, stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      try {
        this.#child.kill("SIGTERM");
      } catch {
        // it ended by itself just now
      }
    }
    await this.result();
  }

  async #readStdout(): Promise<void> {
    for await (const chunk of this.#child.stdout) {
      this.#stdout.push(chunk);
      this.#wake();
    }
  }

  async #readStderr(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #nextOutput(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 1000);
    this.#waiting.add(() => {
      clearTimeout(timer);
      resolve();
    });
    return promise;
  }
}

/** Runs a command to its end. */
export async function runToEnd(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  await using command = new CommandProcess(args, options);
  // A command that should have ended must not hold the test up.
  const timer = setTimeout(() => command.kill("SIGKILL"), DEADLINE_MS);
  const result = await command.result();
  clearTimeout(timer);
  return result;
}

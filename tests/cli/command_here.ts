/**
 * Runs commands in this process, where it is not the process that is looked at: its start costs more
 * than most commands do.
 *
 * @module
 */

import { main } from "../../src/cli/mod.ts";
import type { PacingClock } from "../../src/source/mod.ts";
import { TrickleServer } from "../../src/trickle/mod.ts";
import { delay, until } from "../waiting.ts";
import type { CommandResult } from "./command_process.ts";

/** Keeps what is written to it. */
class Pipe {
  text = "";
  readonly #decoder = new TextDecoder();

  writeSync(bytes: Uint8Array): number {
    this.text += this.#decoder.decode(bytes, { stream: true });
    return bytes.length;
  }

  isTerminal(): boolean {
    return false;
  }
}

/** Media time that passes only where somebody waits for it: what is sent in real time is sent at once. */
export class PassingTime implements PacingClock {
  readonly #turn: () => Promise<void>;
  #ms = 0;

  /** `turn` is awaited in each wait. */
  constructor(turn: () => Promise<void> = () => delay(0)) {
    this.#turn = turn;
  }

  now(): number {
    return this.#ms;
  }

  async wait(delayMs: number): Promise<void> {
    this.#ms += delayMs;
    await this.#turn();
  }
}

/** How a command is run here. */
export interface HereOptions {
  /** Set for this process until the command has ended. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default a {@linkcode PassingTime} */
  readonly pacing?: PacingClock;
}

/** A command that runs in this process. Disposing of it interrupts it and waits for its end. */
export class CommandHere implements AsyncDisposable {
  readonly #stdout = new Pipe();
  readonly #stderr = new Pipe();
  readonly #abort = new AbortController();
  readonly #result: Promise<CommandResult>;
  #ended = false;

  /** Starts `runnel ...args`. */
  constructor(args: readonly string[], options: HereOptions = {}) {
    this.#result = this.#run(args, options);
    this.#result.catch(() => {}); // whoever awaits it hears of it
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** Waits for a match on standard error; fails when the command ends without it. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    const found = (): RegExpExecArray | null => pattern.exec(this.stderr);
    await until(() => this.#ended || found() !== null, () => `${pattern} in ${this.stderr}`);
    const match = found();
    if (match === null) throw new Error(`The command ended without ${pattern}: ${this.stderr}`);
    return match;
  }

  /** Interrupts it as the first SIGINT does. */
  interrupt(): void {
    this.#abort.abort();
  }

  /** Waits for the end. */
  result(): Promise<CommandResult> {
    return this.#result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.interrupt();
    await this.#result;
  }

  async #run(args: readonly string[], options: HereOptions): Promise<CommandResult> {
    const { env = {}, pacing = new PassingTime() } = options;
    using _env = new TemporaryEnv(env);
    using _console = new ConsoleCapture(this.#stderr);
    try {
      const { signal } = this.#abort;
      const code = await main(args, {
        stdout: this.#stdout,
        stderr: this.#stderr,
        signal,
        pacing,
      });
      return { code, stdout: this.#stdout.text, stderr: this.#stderr.text };
    } finally {
      this.#ended = true;
    }
  }
}

/** Runs a command to its end in this process. */
export async function runHere(
  args: readonly string[],
  options: HereOptions = {},
): Promise<CommandResult> {
  return await new CommandHere(args, options).result();
}

/** A trickle server on a free port. */
export function startTrickle(): TrickleServer {
  const server = new TrickleServer();
  server.listen({ port: 0 });
  return server;
}

const CONSOLE_METHODS = ["debug", "log", "info", "warn", "error"] as const;

/** Writes what libraries log on the console to a pipe: nobody but the command is to speak. */
class ConsoleCapture implements Disposable {
  readonly #before = { ...globalThis.console };

  constructor(pipe: Pipe) {
    const write = (...words: unknown[]): void => {
      pipe.writeSync(new TextEncoder().encode(`${words.join(" ")}\n`));
    };
    for (const method of CONSOLE_METHODS) globalThis.console[method] = write;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis.console, this.#before);
  }
}

/** Variables of this process that have other values for a while. */
class TemporaryEnv implements Disposable {
  readonly #before = new Map<string, string | undefined>();

  constructor(env: Readonly<Record<string, string>>) {
    for (const [name, value] of Object.entries(env)) {
      this.#before.set(name, Deno.env.get(name));
      Deno.env.set(name, value);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, value] of this.#before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

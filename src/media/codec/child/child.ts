/**
 * The life of one ffmpeg child: started with all its streams in hand, its stderr always drained,
 * and never outliving us.
 *
 * @module
 */

import { childEnvironment } from "../../../base/process/child_environment.ts";
import { schedulePatiently, systemClock } from "../../../base/clock.ts";
import { withoutCredentials } from "../../../base/credentials.ts";
import { variable } from "../../../base/process/environment.ts";
import { describeError, FfmpegError } from "../../../base/errors.ts";
import { roomLogger } from "../../../base/log.ts";
import { limitChild } from "./child_limits.ts";

const log = roomLogger("codec");

const STDERR_TAIL_LINES = 50;
const STDERR_LINE_CHARACTERS = 500;

/** Starts a process: `new Deno.Command(command, options).spawn()`, unless a test says otherwise. */
export type Spawn = (command: string, options: Deno.CommandOptions) => Deno.ChildProcess;

/** Which ffmpeg is run, and how. */
export interface FfmpegOptions {
  /**
   * The ffmpeg program.
   * @default the environment variable `FFMPEG_PATH`, else `ffmpeg` on the PATH
   */
  readonly ffmpegPath?: string;
  /** Starts the process. @default `Deno.Command` */
  readonly spawn?: Spawn;
}

/** Options of an {@linkcode FfmpegChild}. */
export interface FfmpegChildOptions extends FfmpegOptions {
  /** What the child is for, in messages: `"video decoder"`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly stdin: "piped" | "null";
  readonly stdout: "piped" | "null";
  /** When a child that was asked to end gets SIGTERM. @default 2000 */
  readonly terminateAfterMs?: number;
  /** When it gets SIGKILL, counted from the same moment. @default 5000 */
  readonly killAfterMs?: number;
}

/** How a child ended. */
export interface ChildExit {
  readonly code: number;
  /** The signal that ended it, or null. */
  readonly signal: string | null;
}

/** Which ffmpeg program to run. */
export function ffmpegProgram(options: FfmpegOptions = {}): string {
  return options.ffmpegPath ?? (variable("FFMPEG_PATH") || "ffmpeg");
}

/** The process ids of the children of this thread that have not ended. */
const running = new Set<number>();

/** The process ids of all ffmpeg children of this thread that have not ended. */
export function runningFfmpegPids(): number[] {
  return [...running];
}

/** One running ffmpeg. */
export class FfmpegChild implements AsyncDisposable {
  /** The process, for its pipes. */
  readonly process: Deno.ChildProcess;
  /** Resolves when the process is gone and its stderr was read; never rejects. */
  readonly exited: Promise<ChildExit>;
  readonly #options: FfmpegChildOptions;
  readonly #limited: Promise<void>;
  readonly #stderr: string[] = [];
  readonly #cancels: (() => void)[] = [];
  #gone = false;

  /** Starts the child. Throws an `FfmpegError`: `FFMPEG_MISSING` or `FFMPEG_SPAWN`. */
  constructor(options: FfmpegChildOptions) {
    this.#options = options;
    this.process = startProcess(options);
    running.add(this.process.pid);
    this.#limited = limitChild(this.process.pid, options.args);
    this.exited = this.#watch();
  }

  /** The process id. */
  get pid(): number {
    return this.process.pid;
  }

  /** Whether the process has ended. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** The last lines it wrote to stderr, at most 50. */
  get stderrTail(): readonly string[] {
    return this.#stderr;
  }

  /**
   * Gives the child, whose input was closed, time to end: then SIGTERM, then SIGKILL. Resolves when
   * it is gone. Idempotent.
   */
  async end(): Promise<ChildExit> {
    if (!this.#gone && this.#cancels.length === 0) {
      const terminateAfterMs = this.#options.terminateAfterMs ?? 2000;
      const killAfterMs = this.#options.killAfterMs ?? 5000;
      this.#cancels.push(
        schedulePatiently(systemClock, terminateAfterMs, () => this.#signal("SIGTERM")),
        schedulePatiently(systemClock, killAfterMs, () => this.#signal("SIGKILL")),
      );
    }
    return await this.exited;
  }

  /** Sends SIGTERM now, and SIGKILL if that does not help. */
  async terminate(): Promise<ChildExit> {
    this.#signal("SIGTERM");
    return await this.end();
  }

  /** Sends SIGKILL: nothing of it is wanted any more. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  /** The same as {@linkcode end}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #signal(signal: Deno.Signal): void {
    if (this.#gone) return;
    log.debug(`${this.#options.name}: ${signal} to ffmpeg ${this.pid}`);
    try {
      this.process.kill(signal);
    } catch (error) {
      // It ended in the meantime, which is what was wanted.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #watch(): Promise<ChildExit> {
    const drained = this.#drainStderr();
    const { code, signal } = await this.process.status;
    this.#gone = true;
    running.delete(this.pid);
    for (const cancel of this.#cancels) cancel();
    await Promise.all([drained, this.#limited]);
    return { code, signal };
  }

  async #drainStderr(): Promise<void> {
    let rest = "";
    try {
      for await (const text of this.process.stderr.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split(/[\r\n]+/);
        rest = lines.pop()!.slice(-STDERR_LINE_CHARACTERS);
        for (const line of lines) this.#keepLine(line);
      }
    } catch (error) {
      log.warn(`${this.#options.name}: cannot read ffmpeg's messages: ${describeError(error)}`);
    }
    this.#keepLine(rest);
  }

  #keepLine(text: string): void {
    if (text.trim() === "") return;
    const line = withoutCredentials(text);
    this.#stderr.push(line.slice(0, STDERR_LINE_CHARACTERS));
    if (this.#stderr.length > STDERR_TAIL_LINES) this.#stderr.shift();
    log.debug(`${this.#options.name}: ffmpeg ${this.pid}: ${line}`);
  }
}

function startProcess(options: FfmpegChildOptions): Deno.ChildProcess {
  const command = ffmpegProgram(options);
  const spawn = options.spawn ?? ((command, options) => new Deno.Command(command, options).spawn());
  const { stdin, stdout } = options;
  try {
    const streams = { stdin, stdout, stderr: "piped" } as const;
    const environment = childEnvironment();
    return spawn(command, {
      args: [...options.args],
      ...streams,
      ...environment,
      detached: isInTerminal(),
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw missingFfmpeg(command, error);
    throw new FfmpegError(
      "FFMPEG_SPAWN",
      `Cannot start ${command}: ${describeError(error)}; check that it may be run`,
      { cause: error, context: { command } },
    );
  }
}

/**
 * Whether Ctrl-C may come: it goes to all of a terminal's group, and ffmpeg would stop before it has what
 * we still hold. Then it gets a session of its own; it ends with its pipes all the same. Elsewhere it
 * does not: Linux gives each session its share of the processors, and with full ones ours gets late.
 */
function isInTerminal(): boolean {
  return Deno.stdin.isTerminal() || Deno.stderr.isTerminal();
}

/** The error that says how to get ffmpeg. */
export function missingFfmpeg(command: string, cause: unknown): FfmpegError {
  return new FfmpegError(
    "FFMPEG_MISSING",
    `Cannot start ffmpeg: ${command} was not found; install it (apt-get install ffmpeg) or set ` +
      `FFMPEG_PATH to the program`,
    { cause, context: { command } },
  );
}

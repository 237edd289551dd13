/**
 * What every command runs in: logging, interruption, readable errors and an exit code.
 *
 * @module
 */

import { describeError, InterruptGuard, withoutCredentials } from "../base/mod.ts";
import type { PacingClock } from "../source/mod.ts";
import { configureLogging, type LogSettings, oneLine } from "./output/logging.ts";
import { type TextOutput, writeText } from "./output/stdout.ts";
import { Terminal, type TerminalOutput } from "./output/terminal.ts";

/** Exit codes of the commands. */
export const EXIT = {
  ok: 0,
  /** The command could not do what it was asked. */
  failed: 1,
  /** The command line was wrong. */
  usage: 2,
  /** Interrupted before the work was done. */
  interrupted: 130,
} as const;

/** One of the {@linkcode EXIT} codes. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** What a command line runs in, where that is not a process of its own. */
export interface Surroundings {
  /** Takes what the command was asked for. @default {Deno.stdout} */
  readonly stdout?: TextOutput;
  /** Takes lines, progress and errors. @default {Deno.stderr} */
  readonly stderr?: TerminalOutput;
  /** Interrupts the command, as SIGINT does. @default never */
  readonly signal?: AbortSignal;
  /** The time of the media that it sends. @default the real time */
  readonly pacing?: PacingClock;
}

/** What a running command may use. */
export interface CommandContext {
  /** Aborts at the first SIGINT or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** Standard error. */
  readonly terminal: Terminal;
  /** See {@linkcode Surroundings.pacing}. */
  readonly pacing: PacingClock | undefined;
  /** Writes to standard output. */
  print(text: string): void;
  /** Writes a line at once, whatever the log level: the command is ready, and where. */
  announce(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The work of a command. */
export type CommandTask = (context: CommandContext) => Promise<ExitCode>;

/** Runs the work of the command that was chosen. */
export type RunTask = (settings: LogSettings, task: CommandTask) => Promise<void>;

/** Runs a command's work; errors become one line on standard error and {@linkcode EXIT.failed}. */
export async function runCommand(
  settings: LogSettings,
  task: CommandTask,
  { stdout = Deno.stdout, stderr = Deno.stderr, signal, pacing }: Surroundings,
): Promise<ExitCode> {
  const terminal = new Terminal(stderr);
  await configureLogging(settings, terminal);
  const abort = new AbortController();
  const interrupt = (): void => abort.abort();
  using _guard = new InterruptGuard(interrupt);
  signal?.addEventListener("abort", interrupt, { once: true });
  if (signal?.aborted) interrupt();
  try {
    return await task({
      signal: abort.signal,
      terminal,
      pacing,
      print: (text) => writeText(text, stdout),
      announce: (message, fields = {}) =>
        terminal.line(announcement(settings, "info", message, fields)),
    });
  } catch (error) {
    terminal.keepStatus();
    if (abort.signal.aborted && error === abort.signal.reason) return EXIT.interrupted;
    for (const line of describeFailure(error, settings)) terminal.line(line);
    return EXIT.failed;
  } finally {
    signal?.removeEventListener("abort", interrupt);
  }
}

function announcement(
  settings: LogSettings,
  level: "info" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  if (settings.logFormat === "text") {
    return oneLine(withoutCredentials(level === "error" ? `error: ${message}` : message));
  }
  const time = new Date().toISOString();
  return withoutCredentials(
    JSON.stringify({ ...fields, time, level, logger: "runnel.cli", message }),
  );
}

/** The error in one line; at `--log-level debug` also what caused it, with the stacks. */
function* describeFailure(error: unknown, settings: LogSettings): Generator<string> {
  const code = (error as { code?: unknown } | null)?.code;
  const fields = typeof code === "string" ? { code } : {};
  yield announcement(settings, "error", describeError(error), fields);
  if (settings.logLevel !== "debug") return;
  for (
    let thrown = error, depth = 0;
    thrown instanceof Error && depth < MAX_CAUSES;
    thrown = thrown.cause, depth++
  ) {
    const stack = withoutCredentials(thrown.stack ?? thrown.message);
    yield depth === 0 ? stack : `caused by: ${stack}`;
  }
}

/** A chain of causes may be a ring. */
const MAX_CAUSES = 8;

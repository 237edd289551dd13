/**
 * The way to the process of a stream, and back.
 *
 * @module
 */

import { describeError, roomLogger, variable } from "../../../base/mod.ts";
import { endFfmpeg, ffmpegBelow } from "../../../session/mod.ts";
import { BoundedWriter } from "./bounded_writer.ts";
import { type ConfinedFfmpeg, createConfinedFfmpeg } from "./confined_ffmpeg.ts";
import { processEnvironment } from "./environment.ts";
import { linesOf, parseMessage, writeMessage } from "./framing.ts";
import type { Link, LinkHandlers } from "../link.ts";
import { moduleFiles } from "./module_files.ts";
import { permissionFlags, type ProcessorPermissions } from "./permissions.ts";
import { limitProcess } from "./process_limits.ts";

const log = roomLogger("worker");

/** The command line of a compiled program that is the process of a stream. */
export const ISOLATED_STREAM_COMMAND = "isolated-stream";

/** What a process is started with. */
export interface ProcessOptions extends LinkHandlers {
  /** URLs of modules that it may import. */
  readonly modules: readonly string[];
  readonly permissions: ProcessorPermissions;
  /** `host:port` of the relay to its channels. */
  readonly relay: string;
  /** Memory that it may have, in MiB. */
  readonly memoryMb: number;
}

/**
 * Starts a process: this program anew where it was compiled, else Deno. It may do what a stream needs and
 * what its processor was allowed, and nothing else; a compiled program has the permissions that it was
 * compiled with. Throws a `ProcessorError` where no file for it can be made.
 */
export function startProcess(options: ProcessOptions): Link {
  const { onMessage, onCrash } = options;
  const ffmpeg = createConfinedFfmpeg(variable("FFMPEG_PATH") || "ffmpeg");
  let isOver = false;
  let pid: number | undefined;
  const crash = (reason: string): void => {
    if (!isOver) onCrash(reason);
    isOver = true;
  };
  const spawned = spawn(options, ffmpeg).then((child) => {
    pid = child.pid;
    if (isOver) endProcess(child);
    return child;
  });
  const writer = new BoundedWriter(spawned.then((child) => child.stdin), {
    maxWaitingBytes: MAX_UNREAD_BYTES,
    onError: (error) => crash(describeError(error)),
  });
  const encoder = new TextEncoder();
  const reading = (async () => {
    const child = await spawned;
    const printing = printLines(child.stderr);
    try {
      for await (const line of linesOf(child.stdout, LIMITS)) {
        const parsed = parseMessage(line);
        if (parsed === undefined) printed(line, "printed");
        else if (!isOver) onMessage(parsed.message);
      }
    } catch (error) {
      crash(`what it said cannot be read: ${describeError(error)}`);
      endProcess(child);
    }
    const { code, signal } = await child.status;
    await printing;
    crash(`it ended with ${signal ?? `exit code ${code}`}`);
  })().catch((error) => crash(describeError(error))).finally(() => ffmpeg[Symbol.dispose]());
  return {
    get pid(): number | undefined {
      return pid;
    },
    post: (message: unknown) => writer.write(encoder.encode(writeMessage(message))),
    terminate: async () => {
      isOver = true;
      void writer.close();
      await spawned.then(endProcess, () => {});
      await reading;
    },
  };
}

/** What may wait for a process to read it; a single message may be larger. */
const MAX_UNREAD_BYTES = 64 * 2 ** 20;

/** Longest message that a process may send: one of 8K pixels is not sent back. */
const LIMITS = { maxCharacters: 16 * 2 ** 20 } as const;

async function spawn(options: ProcessOptions, ffmpeg: ConfinedFfmpeg): Promise<Deno.ChildProcess> {
  const { permissions, relay, modules, memoryMb } = options;
  const isConfined = !Deno.build.standalone && permissions.all !== true;
  const environment = processEnvironment(permissions, {
    ...telemetryVariables(),
    ...(isConfined ? { FFMPEG_PATH: ffmpeg.path } : {}),
  });
  const needs = isConfined
    ? { relay, ffmpeg: ffmpeg.path, read: await moduleFiles(modules), env: environment.readable }
    : { relay, ffmpeg: "", read: [], env: [] };
  const child = new Deno.Command(Deno.execPath(), {
    args: Deno.build.standalone ? [ISOLATED_STREAM_COMMAND] : [
      "run",
      "--quiet",
      "--no-prompt",
      `--v8-flags=--max-old-space-size=${memoryMb}`,
      ...permissionFlags(permissions, needs),
      import.meta.resolve("./process_main.ts"),
    ],
    env: environment.variables,
    clearEnv: !environment.inherits,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // Ctrl-C goes to all of a terminal's group: the server decides when this ends.
    detached: Deno.stdin.isTerminal() || Deno.stderr.isTerminal(),
  }).spawn();
  await limitProcess(child.pid, memoryMb);
  return child;
}

/** Ends it and the ffmpeg that it started, which a processor may have made deaf to the end of their pipes. */
function endProcess(child: Deno.ChildProcess): void {
  const below = ffmpegBelow(child.pid);
  kill(child);
  for (const ffmpeg of below) endFfmpeg(ffmpeg);
}

/** Lines of a second that are logged; what a processor prints beyond that is left out. */
const MAX_LINES = 50;
let second = 0;
let lines = 0;

/** Standard error also tells why Deno ended. */
function printed(line: string, how: "printed" | "complained"): void {
  const now = Math.floor(performance.now() / 1_000);
  lines = now === second ? lines + 1 : 1;
  second = now;
  if (lines > MAX_LINES) return;
  // A terminal would do what these say.
  const text = line.replaceAll(/\p{Cc}/gu, " ");
  if (how === "printed") log.info("A processor printed: {line}", { line: text });
  else log.warn("A processor printed: {line}", { line: text });
}

async function printLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  for await (const line of linesOf(stream, { messages: false })) {
    if (line.trim() !== "") printed(line, "complained");
  }
}

/** What a process exports is its own: two of one name would overwrite each other's metrics. */
function telemetryVariables(): Record<string, string> {
  if (variable("OTEL_DENO") === undefined) return {};
  const given = variable("OTEL_RESOURCE_ATTRIBUTES");
  const own = `service.instance.id=${crypto.randomUUID()}`;
  return { OTEL_RESOURCE_ATTRIBUTES: given ? `${given},${own}` : own };
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It ended in the meantime, which is what was wanted.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

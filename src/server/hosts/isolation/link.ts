/**
 * The way to the thread or process of a stream, and back.
 *
 * @module
 */

import { describeError, roomLogger } from "../../../base/mod.ts";
import { linesOf, parseMessage, writeMessage } from "./framing.ts";
import type { FromStream, ToStream } from "./messages.ts";

const log = roomLogger("server");

/** Takes what comes from the other side. */
export interface LinkHandlers {
  readonly onMessage: (message: FromStream) => void;
  /** The other side ended without being asked to. */
  readonly onCrash: (reason: string) => void;
}

/** One side of a conversation. */
export interface Link {
  /** Sends a message. Throws for what cannot be copied. */
  post(message: ToStream): void;
  /** Ends the other side at once; nothing comes from it any more. Idempotent. */
  terminate(): Promise<void>;
}

/**
 * Starts a thread. One that never yields cannot be ended before the process is (Deno 2.9 ends only
 * what returns to its event loop): it keeps a core busy.
 */
export function startThread({ onMessage, onCrash }: LinkHandlers): Link {
  const worker = new Worker(import.meta.resolve("./thread_main.ts"), {
    type: "module",
    name: "runnel-stream",
  });
  const take = ({ data }: MessageEvent<FromStream>): void => onMessage(data);
  worker.addEventListener("message", take);
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    onCrash(event.message);
  });
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => {
      worker.removeEventListener("message", take);
      worker.terminate();
      return Promise.resolve();
    },
  };
}

/** Starts a process: this program anew where it was compiled, else Deno. */
export function startProcess({ onMessage, onCrash }: LinkHandlers): Link {
  const child = new Deno.Command(Deno.execPath(), {
    args: Deno.build.standalone
      ? [ISOLATED_STREAM_COMMAND]
      : ["run", "-A", "--quiet", import.meta.resolve("./process_main.ts")],
    env: telemetryVariables(),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  let isOver = false;
  const crash = (reason: string): void => {
    if (!isOver) onCrash(reason);
    isOver = true;
  };
  const reading = (async () => {
    for await (const line of linesOf(child.stdout)) {
      const parsed = parseMessage(line);
      if (parsed === undefined) log.info("A processor printed: {line}", { line });
      else if (!isOver) onMessage(parsed.message as FromStream);
    }
    const { code, signal } = await child.status;
    crash(`it ended with ${signal ?? `exit code ${code}`}`);
  })();
  return {
    post: (message) => {
      writer.write(encoder.encode(writeMessage(message))).catch((error) =>
        crash(describeError(error))
      );
    },
    terminate: async () => {
      isOver = true;
      writer.close().catch(() => {}); // it has ended
      kill(child);
      await reading;
    },
  };
}

/** The command line of a compiled program that is the process of a stream. */
export const ISOLATED_STREAM_COMMAND = "isolated-stream";

/** What a process exports is its own: two of one name would overwrite each other's metrics. */
function telemetryVariables(): Record<string, string> {
  if (Deno.env.get("OTEL_DENO") === undefined) return {};
  const given = Deno.env.get("OTEL_RESOURCE_ATTRIBUTES");
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

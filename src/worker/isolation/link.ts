/**
 * The way to the thread of a stream, and back; that to a process is in `process_link.ts`.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { describeError } from "../../base/mod.ts";

/** Takes what comes from the other side. */
export interface LinkHandlers {
  readonly onMessage: (message: unknown) => void;
  /** The other side ended without being asked to. */
  readonly onCrash: (reason: string) => void;
}

/** One side of a conversation. */
export interface Link {
  /** The process; undefined for a thread, and before there is one. */
  readonly pid: number | undefined;
  /** Sends a message. Throws for what cannot be copied, and while the other side does not read. */
  post(message: unknown): void;
  /** Ends the other side at once; nothing comes from it any more. Idempotent. */
  terminate(): Promise<void>;
}

/**
 * Starts a thread. Its heap is limited, in MiB: beyond that the thread ends, not the process. What is
 * outside of the heap, such as an `ArrayBuffer`, is not limited. A thread that never yields cannot be
 * ended before the process is (Deno 2.9 ends only what returns to its event loop): it keeps a core busy.
 */
export function startThread({ onMessage, onCrash }: LinkHandlers, heapMb: number): Link {
  const worker = new Worker(new URL(import.meta.resolve("./thread_main.ts")), {
    name: "runnel-stream",
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  let isOver = false;
  const crash = (reason: string): void => {
    if (!isOver) onCrash(reason);
    isOver = true;
  };
  worker.on("message", (message: unknown) => {
    if (!isOver) onMessage(message);
  });
  worker.on("error", (error: unknown) => crash(describeError(error)));
  worker.on("exit", (code: number) => crash(`it ended with code ${code}`));
  return {
    pid: undefined,
    post: (message) => worker.postMessage(message),
    terminate: () => {
      isOver = true;
      worker.terminate().catch(() => {}); // that of one that never yields stays open
      return Promise.resolve();
    },
  };
}

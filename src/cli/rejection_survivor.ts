/**
 * Errors that nobody catches: of promises and of timers. Those of a user's processor are logged, and the
 * streams go on. Those of Runnel itself end the process: nobody knows what state it is in.
 *
 * @module
 */

import { describeError, isInUserCode, roomLogger } from "../base/mod.ts";
import { isOfRunnelAlone } from "./error_origin.ts";

const processorLog = roomLogger("processor");
const log = roomLogger("cli");

/** Frames of a stack that are kept: enough to see whose call an error is of. */
const STACK_FRAMES = 40;

/** Logs what a user's code does not catch, which would end the process and with it all streams. */
export class RejectionSurvivor implements Disposable {
  readonly #stackFrames = Error.stackTraceLimit;

  /** Begins to listen. */
  constructor() {
    Error.stackTraceLimit = STACK_FRAMES;
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
    globalThis.addEventListener("error", this.#onError);
  }

  /** Ends listening. */
  [Symbol.dispose](): void {
    Error.stackTraceLimit = this.#stackFrames;
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
    globalThis.removeEventListener("error", this.#onError);
  }

  readonly #onError = (event: ErrorEvent): void => {
    if (isOurs(event.error)) return;
    event.preventDefault();
    tell("An error was thrown and nobody caught it: {reason} {stack}", event.error);
  };

  readonly #onRejection = (event: PromiseRejectionEvent): void => {
    if (isOurs(event.reason)) return;
    event.preventDefault();
    tell("A promise was rejected and nobody caught it: {reason} {stack}", event.reason);
  };
}

/** Whether the runtime shall end the process, which it does with the error and code 1. */
function isOurs(error: unknown): boolean {
  if (isInUserCode() || !isOfRunnelAlone(error)) return false;
  log.fatal("Runnel has a defect and ends: {reason} {stack}", describe(error));
  return true;
}

function tell(message: string, error: unknown): void {
  processorLog.error(message, describe(error));
}

function describe(error: unknown): { readonly reason: string; readonly stack: string } {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  return { reason: describeError(error), stack };
}

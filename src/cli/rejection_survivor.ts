/**
 * Errors of a user's processor that nobody catches: of promises and of timers.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";

const log = roomLogger("processor");

/** Logs what nobody catches, which would end the process and with it all streams. */
export class RejectionSurvivor implements Disposable {
  /** Begins to listen. */
  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
    globalThis.addEventListener("error", this.#onError);
  }

  /** Ends listening. */
  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
    globalThis.removeEventListener("error", this.#onError);
  }

  readonly #onError = (event: ErrorEvent): void => {
    event.preventDefault();
    const { error } = event;
    log.error("An error was thrown and nobody caught it: {reason} {stack}", {
      reason: describeError(error),
      stack: error instanceof Error ? error.stack ?? "" : "",
    });
  };

  readonly #onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    const { reason } = event;
    log.error("A promise was rejected and nobody caught it: {reason} {stack}", {
      reason: describeError(reason),
      stack: reason instanceof Error ? reason.stack ?? "" : "",
    });
  };
}

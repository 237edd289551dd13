/**
 * Promises of a user's processor that nobody awaits.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";

const log = roomLogger("processor");

/** Logs a rejection that nobody catches, which would end the process and with it all streams. */
export class RejectionSurvivor implements Disposable {
  /** Begins to listen. */
  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
  }

  /** Ends listening. */
  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
  }

  readonly #onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    const { reason } = event;
    log.error("A promise was rejected and nobody caught it: {reason} {stack}", {
      reason: describeError(reason),
      stack: reason instanceof Error ? reason.stack ?? "" : "",
    });
  };
}

/**
 * Promises with a time limit, stand-in for `@std/async/deadline`.
 *
 * @module
 */

import { abortable } from "./abortable.ts";
import { delay } from "./delay.ts";

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * A promise that settles as `p` does, or rejects after `ms` milliseconds with a `DOMException` named
 * `TimeoutError`. What `p` stands for is not stopped.
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const timeout = new AbortController();
  const settled = new AbortController();
  delay(ms, { signal: settled.signal }).then(
    () => timeout.abort(new DOMException("Signal timed out.", "TimeoutError")),
    () => {}, // `p` was first.
  );
  const signal = options.signal === undefined
    ? timeout.signal
    : AbortSignal.any([timeout.signal, options.signal]);
  try {
    return await abortable(p, signal);
  } finally {
    settled.abort();
  }
}

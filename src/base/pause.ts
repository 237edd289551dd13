/**
 * Waiting that a signal ends.
 *
 * @module
 */

import { delay } from "@std/async/delay";

/** Resolves after a time in milliseconds, or when the signal aborts: check the signal after it. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(delayMs, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Waiting that a signal ends.
 *
 * @module
 */

import { pauseOn, systemClock } from "./clock.ts";

/** Resolves after a time in milliseconds, or when the signal aborts: check the signal after it. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return pauseOn(systemClock, delayMs, signal);
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Time limits for what others do: a process that was stopped, or a machine that slept, finds the limit
 * passed and what it waited for there, and must not take that for a failure.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** The limit is waited for in this many parts, and between two of them everything else gets its turn. */
const PARTS = 10;

/**
 * Calls `run` after `delayMs`, of which at most a tenth may be time in which this process did not run.
 * The returned function cancels it and may be called any time.
 */
export function schedulePatiently(clock: Clock, delayMs: number, run: () => void): () => void {
  let left = PARTS;
  let cancel = (): void => {};
  const wait = (): void => {
    if (left-- === 0) run();
    else cancel = clock.schedule(delayMs / PARTS, wait);
  };
  wait();
  return () => cancel();
}

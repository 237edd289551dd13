/**
 * Time, injectable: every wait of this room goes through a {@linkcode Clock}, so that a test can
 * make 45 seconds pass at once.
 *
 * @module
 */

/** Where the time comes from and what can be scheduled on it. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /**
   * Calls `run` once after `delayMs`. The returned function cancels it and may be called any time.
   */
  schedule(delayMs: number, run: () => void): () => void;
}

/** The real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits for `delayMs`, or until `signal` aborts: check the signal after it. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    cancel();
    signal?.removeEventListener("abort", done);
    resolve();
  };
  const cancel = clock.schedule(delayMs, done);
  signal?.addEventListener("abort", done, { once: true });
  return promise;
}

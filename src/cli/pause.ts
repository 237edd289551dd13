/**
 * Waiting, for a time or for an `AbortSignal`.
 *
 * @module
 */

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return pause(Infinity, signal);
}

/** Resolves after a time in milliseconds, or when the signal aborts. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
    resolve();
  };
  const timer = delayMs === Infinity ? undefined : setTimeout(done, delayMs);
  signal.addEventListener("abort", done, { once: true });
  return promise;
}

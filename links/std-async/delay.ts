/**
 * Waiting, stand-in for `@std/async/delay`.
 *
 * @module
 */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Whether the wait keeps the process alive.
   *
   * @default {true}
   */
  persistent?: boolean;
}

/** The longest wait a timer takes; it fires at once above this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Resolves after `ms` milliseconds, also where that is longer than one timer can wait. Rejects with
 * the signal's reason once `options.signal` is aborted.
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const end = performance.now() + ms;
    let timer = startTimer(ms);

    function startTimer(leftMs: number): ReturnType<typeof setTimeout> {
      const id = setTimeout(expire, Math.min(leftMs, MAX_TIMER_MS));
      if (!persistent) Deno.unrefTimer(id);
      return id;
    }
    function expire(): void {
      // Only a wait that was cut to the timer's range has anything left; a timer that fires a
      // fraction of a millisecond early is not started again.
      const leftMs = end - performance.now();
      if (ms > MAX_TIMER_MS && leftMs > 0) {
        timer = startTimer(leftMs);
        return;
      }
      signal?.removeEventListener("abort", abort);
      resolve();
    }
    function abort(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

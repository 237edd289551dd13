/**
 * Time, injectable: whatever waits or measures takes a {@linkcode Clock}, so that a test can make 45
 * seconds pass at once.
 *
 * @module
 */

/** Where the time comes from and what can be scheduled on it. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /**
   * Calls `run` once after `delayMs`, which may be `Infinity`: never. The returned function cancels it
   * and may be called any time.
   */
  schedule(delayMs: number, run: () => void): () => void;
}

/** The longest wait of a timer of the runtime. One that is longer, or `Infinity`, ends at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, run) {
    let leftMs = delayMs;
    let timer: ReturnType<typeof setTimeout>;
    const wait = (): void => {
      const partMs = Math.min(leftMs, MAX_TIMER_MS);
      leftMs -= partMs;
      timer = setTimeout(leftMs > 0 ? wait : run, partMs);
    };
    wait();
    return () => clearTimeout(timer);
  },
};

/** Waits for `delayMs`, or until `signal` aborts: check the signal after it. Never rejects. */
export function pauseOn(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
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

/**
 * Awaits a promise for at most `timeoutMs`. Rejects with a `DOMException` named `TimeoutError` when it
 * takes longer; what becomes of the promise then is its owner's.
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.schedule(timeoutMs, () => {
    reject(new DOMException(`It took longer than ${timeoutMs} ms`, "TimeoutError"));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}

/** The limit is waited for in this many parts, and between two of them everything else gets its turn. */
const PARTS = 10;

/**
 * Calls `run` after `delayMs`, of which at most a tenth may be time in which this process did not run:
 * one that was stopped, or whose machine slept, finds the time passed and what it waited for there. The
 * returned function cancels it and may be called any time.
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

/**
 * Awaits a promise for at most `delayMs`, patiently ({@linkcode schedulePatiently}). Resolves to whether
 * it was fulfilled by then; its rejection is left to its owner.
 */
export async function isDoneWithin(
  clock: Clock,
  promise: Promise<unknown>,
  delayMs: number,
): Promise<boolean> {
  const { promise: passed, resolve } = Promise.withResolvers<false>();
  const cancel = schedulePatiently(clock, delayMs, () => resolve(false));
  const done = promise.then(() => true, () => false);
  try {
    return await Promise.race([done, passed]);
  } finally {
    cancel();
  }
}

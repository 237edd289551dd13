/**
 * Promises and iterables that a signal ends, stand-in for `@std/async/abortable`.
 *
 * @module
 */

/**
 * A promise that settles as `p` does, or rejects with the signal's reason once it is aborted. Throws
 * that reason at once where the signal is aborted already.
 */
export function abortable<T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
/**
 * A generator of the items of `p` that throws the signal's reason once it is aborted. The iterable
 * behind it is not told.
 */
export function abortable<T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
export function abortable<T>(
  p: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return p instanceof Promise ? abortablePromise(p, signal) : abortableIterable(p, signal);
}

function abortablePromise<T>(p: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    p.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

async function* abortableIterable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = p[Symbol.asyncIterator]();
  for (;;) {
    const result = await abortablePromise(iterator.next(), signal);
    if (result.done) return;
    yield result.value;
  }
}

/**
 * Trying again with exponential backoff, stand-in for `@std/async/retry`.
 *
 * @module
 */

import { delay } from "./delay.ts";

/** What {@linkcode retry} throws when no attempt is left; `cause` is what the last one threw. */
export class RetryError extends Error {
  /** Creates an error for `attempts` failed attempts. */
  constructor(cause: unknown, attempts: number) {
    super(`Retrying exceeded the maxAttempts (${attempts}).`, { cause });
    this.name = "RetryError";
  }
}

/** Options of {@linkcode retry}. */
export interface RetryOptions {
  /**
   * The factor from one backoff to the next, 1 or more.
   *
   * @default {2}
   */
  multiplier?: number;
  /**
   * The longest backoff in milliseconds.
   *
   * @default {60000}
   */
  maxTimeout?: number;
  /**
   * The number of calls before giving up.
   *
   * @default {5}
   */
  maxAttempts?: number;
  /**
   * The first backoff in milliseconds.
   *
   * @default {1000}
   */
  minTimeout?: number;
  /**
   * The share of each backoff that is random: 0 waits all of it, 1 anything between none and all.
   *
   * @default {1}
   */
  jitter?: number;
  /**
   * Whether to try again after this error; where not, it is thrown as it is.
   *
   * @default {() => true}
   */
  isRetriable?: (err: unknown) => boolean;
  /** Ends the waits between attempts; its reason is thrown. */
  signal?: AbortSignal;
}

/**
 * Calls `fn` until it succeeds, waiting longer after each failure. Throws a {@linkcode RetryError}
 * after the last attempt and a `RangeError` for options that make no sense.
 */
export async function retry<T>(
  fn: (() => Promise<T>) | (() => T),
  options: RetryOptions = {},
): Promise<T> {
  const {
    multiplier = 2,
    maxTimeout = 60_000,
    maxAttempts = 5,
    minTimeout = 1_000,
    jitter = 1,
    isRetriable = () => true,
    signal,
  } = options;
  checkOption("maxAttempts", maxAttempts, Number.isInteger(maxAttempts) && maxAttempts >= 1);
  checkOption("multiplier", multiplier, Number.isFinite(multiplier) && multiplier >= 1);
  checkOption("maxTimeout", maxTimeout, maxTimeout > 0);
  checkOption("minTimeout", minTimeout, minTimeout >= 0 && minTimeout <= maxTimeout);
  checkOption("jitter", jitter, jitter >= 0 && jitter <= 1);
  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      if (!isRetriable(error)) throw error;
      if (attempt >= maxAttempts) throw new RetryError(error, maxAttempts);
    }
    const backoffMs = Math.min(maxTimeout, minTimeout * multiplier ** (attempt - 1));
    await delay(backoffMs * (1 - jitter * Math.random()), signal === undefined ? {} : { signal });
  }
}

function checkOption(name: keyof RetryOptions, value: number, valid: boolean): void {
  if (!valid) throw new RangeError(`Cannot retry: ${name} is ${value}; see RetryOptions`);
}

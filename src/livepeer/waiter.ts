/**
 * Waits that can be cut short.
 *
 * @module
 */

import type { Clock } from "../trickle/mod.ts";

/** One wait at a time, which a call or a signal ends. */
export class Waiter {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #wake: () => void = () => {};

  /** Waits by a clock, and no more once the signal has aborted. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Resolves after a time in milliseconds, when the signal aborts, or at {@linkcode wake}. */
  async wait(delayMs: number, { unwakeable = false } = {}): Promise<void> {
    if (this.#signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.schedule(delayMs, resolve);
    const end = (): void => resolve();
    this.#signal.addEventListener("abort", end, { once: true });
    if (!unwakeable) this.#wake = end;
    await promise;
    this.#wake = () => {};
    this.#signal.removeEventListener("abort", end);
    cancel();
  }

  /** Ends the wait under way, unless that is not to be woken. */
  wake(): void {
    this.#wake();
  }
}

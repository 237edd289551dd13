/**
 * How often a live stream may change its shape: each change takes a child of its own.
 *
 * @module
 */

/** Options of a {@linkcode ChangeBudget}. */
export interface ChangeBudgetOptions {
  /** Changes that may follow each other at once. @default 6 */
  readonly burst?: number;
  /** The time after which another is allowed, in milliseconds. @default 1000 */
  readonly intervalMs?: number;
  /** The clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Allows a few changes at once and then one a second. */
export class ChangeBudget {
  readonly #burst: number;
  readonly #intervalMs: number;
  readonly #now: () => number;
  #left: number;
  #updatedMs: number;

  /** Creates a full budget. */
  constructor(options: ChangeBudgetOptions = {}) {
    this.#burst = this.#left = options.burst ?? 6;
    this.#intervalMs = options.intervalMs ?? 1_000;
    this.#now = options.now ?? (() => performance.now());
    this.#updatedMs = this.#now();
  }

  /** Counts a change; false when it may not be now. */
  spend(): boolean {
    const now = this.#now();
    const gained = (now - this.#updatedMs) / this.#intervalMs;
    this.#left = Math.min(this.#burst, this.#left + gained);
    this.#updatedMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

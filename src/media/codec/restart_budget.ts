/**
 * How often a child that dies may be started again.
 *
 * @module
 */

/** Options of a {@linkcode RestartBudget}. */
export interface RestartBudgetOptions {
  /** Restarts allowed before the count is cleared. @default 3 */
  readonly tries?: number;
  /** How long without a death clears the count. @default 120_000 */
  readonly clearAfterMs?: number;
  /** The clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Counts deaths: three are forgiven, and two quiet minutes make up for them. */
export class RestartBudget {
  readonly #tries: number;
  readonly #clearAfterMs: number;
  readonly #now: () => number;
  #spent = 0;
  #lastDeathMs = -Infinity;

  /** Creates a full budget. */
  constructor(options: RestartBudgetOptions = {}) {
    this.#tries = options.tries ?? 3;
    this.#clearAfterMs = options.clearAfterMs ?? 120_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Counts a death; false when there is no restart left for it. */
  spend(): boolean {
    const now = this.#now();
    if (now - this.#lastDeathMs >= this.#clearAfterMs) this.#spent = 0;
    this.#lastDeathMs = now;
    this.#spent++;
    return this.#spent <= this.#tries;
  }
}

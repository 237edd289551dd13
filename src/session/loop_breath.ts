/**
 * Time for everything else after calls that kept the event loop from turning.
 *
 * @module
 */

/** Calls shorter than this are not worth a pause, in milliseconds. */
const MIN_BLOCKED_MS = 5;
/** Part of the time that was blocked which everything else gets after it. */
const SHARE = 0.1;
/** The longest pause, in milliseconds. */
const MAX_PAUSE_MS = 20;

/**
 * A processor that computes without ever waiting lets the loop turn once a frame. That is too little to
 * read the input at its own speed: frames would pile up, unseen, before the decoder, and the stream would
 * fall behind more and more. So such calls owe the loop a pause.
 */
export class LoopBreath {
  readonly #now: () => number;
  #owedMs = 0;

  /** Creates one that nothing is owed to. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The pause that is owed, in milliseconds. */
  get owedMs(): number {
    return this.#owedMs;
  }

  /** A call begins; returns how to say that it ended. */
  watch(): () => void {
    const beganMs = this.#now();
    let hasTurned = false;
    const timer = setTimeout(() => hasTurned = true, 0);
    return () => {
      clearTimeout(timer);
      const blockedMs = hasTurned ? 0 : this.#now() - beganMs;
      if (blockedMs >= MIN_BLOCKED_MS) {
        this.#owedMs = Math.min(MAX_PAUSE_MS, this.#owedMs + blockedMs * SHARE);
      }
    };
  }

  /** The pause that is owed, which the caller makes now. */
  take(): number {
    const owedMs = this.#owedMs;
    this.#owedMs = 0;
    return owedMs;
  }
}

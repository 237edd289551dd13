/**
 * When a buffer is mapped. In Deno 2.9 the call of `mapAsync` blocks the event loop until the GPU has done
 * all that was submitted: for a model of 20 ms nothing else would run for 20 ms a frame. So where the
 * GPU was seen to take long, the call waits for about that long, and other work gets its turn.
 *
 * @module
 */

/** GPUs that are faster than this are not waited for: timers are too coarse, and little is blocked. */
const MIN_DELAY_MS = 4;

/** The longest wait. A wrong guess, after a model's slow first run, must not hold a live stream up. */
const MAX_DELAY_MS = 50;

/** A call shorter than this did not block: the wait was long enough, or too long. */
const UNBLOCKED_MS = 0.5;

/** The part of the estimate that is waited for: a little blocking costs less than a late frame. */
const DELAY_SHARE = 0.9;

/** What is left of the estimate after a wait that may have been too long: it is forgotten in a few frames. */
const DECAY = 0.75;

/** Guesses how long the GPU takes from what earlier calls waited and blocked. */
export class MapTiming {
  #gpuMs = 0;

  /** How long to wait from the submission to the call of `mapAsync`, in milliseconds. */
  get delayMs(): number {
    const delayMs = DELAY_SHARE * this.#gpuMs;
    return delayMs < MIN_DELAY_MS ? 0 : Math.min(delayMs, MAX_DELAY_MS);
  }

  /** Notes how long one call waited and then blocked. */
  note(waitedMs: number, blockedMs: number): void {
    const estimateMs = Math.min(waitedMs + blockedMs, MAX_DELAY_MS / DELAY_SHARE);
    if (blockedMs >= UNBLOCKED_MS) this.#gpuMs += (estimateMs - this.#gpuMs) / 2;
    else this.#gpuMs = Math.min(this.#gpuMs, waitedMs) * DECAY;
  }
}

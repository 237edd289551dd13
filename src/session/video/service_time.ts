/**
 * How long the processor takes for a frame, and how many frames may wait for it.
 *
 * @module
 */

/** Part that the newest call has in the estimate: a change is followed within a few frames. */
const NEWEST_SHARE = 0.5;

/** A call that is under way. */
interface RunningCall {
  readonly beganMs: number;
  /** The busy time of all calls when this one began. */
  readonly beganBusyMs: number;
}

/**
 * A running estimate of the time that a frame costs where several may be worked on at once: how long its
 * call takes, shared with the calls beside it. Only calls count: whatever waits after them, such as
 * for an encoder, does not.
 */
export class ServiceTime {
  readonly #now: () => number;
  readonly #running = new Set<RunningCall>();
  #finishedMs = 0;
  #hasFinished = false;
  /** The first call compiles, loads and allocates: it says nothing about the next. */
  #isWarm = false;
  /** The time of each call, summed, up to {@linkcode #countedUntilMs}. */
  #busyMs = 0;
  #countedUntilMs = 0;

  /** Creates an estimate of nothing. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds a frame, of the calls that have ended, but for the first; 0 before. */
  get finishedMs(): number {
    return this.#finishedMs;
  }

  /** Milliseconds a frame, as if the calls that are under way ended now. */
  get currentMs(): number {
    if (!this.#isWarm) return 0;
    let longestMs = 0;
    for (const call of this.#running) longestMs = Math.max(longestMs, this.#sharedMs(call));
    return longestMs > this.#finishedMs ? this.#mixed(longestMs) : this.#finishedMs;
  }

  /** A call begins. Returns how to say that it ended, to be called once; false: that it hung. */
  begin(): (answered: boolean) => void {
    const beganMs = this.#now();
    this.#countBusy(beganMs);
    const call = { beganMs, beganBusyMs: this.#busyMs };
    this.#running.add(call);
    return (answered) => {
      const sharedMs = this.#sharedMs(call);
      if (answered && this.#isWarm) {
        this.#finishedMs = this.#mixed(sharedMs);
        this.#hasFinished = true;
      }
      this.#isWarm = true;
      this.#running.delete(call);
    };
  }

  #mixed(callMs: number): number {
    if (!this.#hasFinished) return callMs;
    return callMs * NEWEST_SHARE + this.#finishedMs * (1 - NEWEST_SHARE);
  }

  /** The call's age so far, divided by how many ran beside each other meanwhile, itself included. */
  #sharedMs(call: RunningCall): number {
    const now = this.#now();
    this.#countBusy(now);
    const ageMs = now - call.beganMs;
    return ageMs === 0 ? 0 : ageMs * ageMs / (this.#busyMs - call.beganBusyMs);
  }

  #countBusy(now: number): void {
    this.#busyMs += (now - this.#countedUntilMs) * this.#running.size;
    this.#countedUntilMs = now;
  }
}

/** How many frames may wait, so that the last of them is not older than the budget when it is done. */
export function queueLimit(
  serviceMs: number,
  { budgetMs, most }: { readonly budgetMs: number; readonly most: number },
): number {
  if (serviceMs <= 0) return most;
  return Math.min(most, Math.max(1, Math.floor(budgetMs / serviceMs)));
}

/**
 * Where a live input is: the newest picture that came, and whether pictures come in real time.
 *
 * @module
 */

import type { Packet } from "../../media/types.ts";

/** Ticks of the input's clock in a millisecond. */
const TICKS_PER_MS = 90;
/** Input that comes in real time comes so much earlier than expected, in milliseconds. */
const MAX_EARLY_MS = 50;
/** And so much later, on a busy machine or in small pieces, in milliseconds. */
const MAX_LATE_MS = 200;
/** Part of the time by which input may come later and later: clocks differ, and delays grow. */
const DRIFT = 0.01;
/** Input that came in real time for so long is live, in milliseconds. */
const MIN_LIVE_MS = 80;
/** The clock of the input has jumped, in milliseconds. */
const JUMP_MS = 10_000;

/**
 * Tells how far a picture is behind the newest. That means something only where pictures come one by one
 * as they are made: what a segment brings at once is not late.
 */
export class LiveEdge {
  readonly #now: () => number;
  #newestTicks = -Infinity;
  #newestMs = 0;
  /** Arrival time less decoding time, of what came earliest for its time lately. */
  #offsetMs = Infinity;
  /** The same when pictures began to come at their pace. */
  #markMs = Infinity;
  /** Since when pictures come at their pace. */
  #sinceMs = 0;

  /** `now` tells milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A picture arrives, in decoding order. */
  arrived({ ptsTicks, dtsTicks }: Packet): void {
    const now = this.#now();
    const offsetMs = now - dtsTicks / TICKS_PER_MS;
    const expectedMs = this.#offsetMs + (now - this.#newestMs) * DRIFT;
    const isJump = Math.abs(offsetMs - expectedMs) > JUMP_MS;
    if (isJump) this.#newestTicks = -Infinity;
    this.#offsetMs = isJump ? offsetMs : Math.min(offsetMs, expectedMs);
    // A backlog that is read comes faster than in real time, and what comes late was held up.
    const isBacklog = this.#offsetMs < this.#markMs - MAX_EARLY_MS;
    if (isJump || isBacklog || offsetMs > expectedMs + MAX_LATE_MS) {
      this.#sinceMs = now;
      this.#markMs = this.#offsetMs;
    }
    this.#markMs = Math.max(this.#markMs, this.#offsetMs);
    this.#newestTicks = Math.max(this.#newestTicks, ptsTicks);
    this.#newestMs = now;
  }

  /** Milliseconds from a picture to the newest; 0 where the input does not come in real time. */
  behindMs(ptsTicks: number): number {
    if (this.#newestMs - this.#sinceMs < MIN_LIVE_MS) return 0;
    return Math.max(0, (this.#newestTicks - ptsTicks) / TICKS_PER_MS);
  }
}

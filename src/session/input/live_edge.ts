/**
 * Where a live input is: the newest picture that came, and whether pictures come in real time.
 *
 * @module
 */

import type { Packet } from "../../media/types.ts";

/** Ticks of the input's clock in a millisecond. */
const TICKS_PER_MS = 90;
/** Input that comes in small pieces varies by so much, in milliseconds. */
const JITTER_MS = 100;
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
  /** Arrival time less decoding time, of the picture that came earliest for its time. */
  #offsetMs = Infinity;
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
    const earlierMs = this.#offsetMs - offsetMs;
    // A backlog that is read comes faster than in real time, and what comes late was held up.
    if (Math.abs(earlierMs) > JITTER_MS / 2) this.#sinceMs = now;
    if (Math.abs(earlierMs) > JUMP_MS) this.#newestTicks = -Infinity;
    if (earlierMs > JITTER_MS / 2 || earlierMs < -JUMP_MS) this.#offsetMs = offsetMs;
    this.#newestTicks = Math.max(this.#newestTicks, ptsTicks);
    this.#newestMs = now;
  }

  /** Milliseconds from a picture to the newest; 0 where the input does not come in real time. */
  behindMs(ptsTicks: number): number {
    if (this.#newestMs - this.#sinceMs < MIN_LIVE_MS) return 0;
    return Math.max(0, (this.#newestTicks - ptsTicks) / TICKS_PER_MS);
  }
}

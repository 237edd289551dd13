/**
 * Continuity counters of one PID.
 *
 * Spec: ISO/IEC 13818-1 section 2.4.3.3 (continuity_counter).
 */

/** So many packets in a row must follow each other before a gap is believed to be one. */
const PROOF = 8;

/** Gaps in the last packets at which the counters are not believed any more; a packet takes back one. */
const MAX_SCORE = 8;

/** What a packet is to the one before: `"gap"` where packets are missing in between. */
export type Continuity = "follows" | "same" | "gap";

/**
 * Compares counters. Senders exist that do not count, begin anew with each PES packet, or count packets
 * without payload too: gaps are only believed of those whose counters were seen to be right.
 */
export class ContinuityCounter {
  #last = -1;
  /** Whether packets without payload do not count, as they should not; undefined: none came yet. */
  #fieldsStandStill: boolean | undefined;
  /** The counter with which the last PES packet began. */
  #lastStart = -1;
  /** Whether counters go on from one PES packet to the next, as they should. */
  #goesOn = false;
  #mayRestart = false;
  #inRow = 0;
  #score = 0;
  #isTrusted = false;

  /** Whether gaps are believed. */
  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /** Whether nothing speaks against that counters count. */
  get seemsRight(): boolean {
    return this.#score === 0 && !this.#mayRestart;
  }

  /** Takes the counter of a packet without payload. */
  field(counter: number): void {
    if (this.#last < 0) return;
    if (counter === this.#last) this.#fieldsStandStill = true;
    else if (counter === next(this.#last) && this.#fieldsStandStill !== true) this.#last = counter;
  }

  /** Takes the counter of a packet with payload; `starts`: a PES packet begins there. */
  take(counter: number, starts: boolean): Continuity {
    const last = this.#last;
    const before = this.#lastStart;
    this.#last = counter;
    if (starts) this.#lastStart = counter;
    if (last < 0) return "follows";
    if (counter === next(last)) {
      this.#goesOn ||= starts && before >= 0 && counter !== before;
      this.#score = Math.max(0, this.#score - 1);
      if (++this.#inRow >= PROOF && this.#score === 0) this.#isTrusted = true;
      return "follows";
    }
    // Counters that begin anew with each PES packet begin with the same number.
    this.#mayRestart = starts && counter === before && !this.#goesOn;
    return counter === last ? "same" : "gap";
  }

  /** The packet taken last was neither expected nor forgiven. Returns whether packets are missing. */
  isGap(): boolean {
    if (this.#mayRestart) return false;
    this.#inRow = 0;
    this.#score += 2;
    if (this.#score >= 2 * MAX_SCORE) this.#isTrusted = false;
    this.#score = Math.min(this.#score, 2 * MAX_SCORE);
    return this.#isTrusted;
  }

  /** The next packet need not follow the last. */
  restart(): void {
    this.#last = -1;
  }
}

function next(counter: number): number {
  return counter + 1 & 15;
}

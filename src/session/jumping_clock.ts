/**
 * Where the times of one stream begin anew.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../base/rational.ts";

/** A step back further than this is a jump, in ticks of 90 kHz: more than B-frames are apart. */
const MAX_BACKWARD_TICKS = TICKS_PER_SECOND / 2;

/**
 * Counts the jumps in the times of one stream, which come in order. Looped files and restarted encoders
 * make all streams of a program jump, each when its packets get there: times of two streams can be compared
 * where both have jumped as often.
 */
export class JumpingClock {
  readonly #maxForwardTicks: number;
  #lastTicks: number | undefined;
  #epoch = 0;

  /** A step ahead further than `maxForwardTicks` is a jump; `Infinity`: only steps back are. */
  constructor(maxForwardTicks: number) {
    this.#maxForwardTicks = maxForwardTicks;
  }

  /** The newest time; undefined before the first. */
  get lastTicks(): number | undefined {
    return this.#lastTicks;
  }

  /** How often it has jumped. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Takes the next time, in ticks of 90 kHz, and returns how often there was a jump so far. */
  note(ticks: number): number {
    const step = ticks - (this.#lastTicks ?? ticks);
    if (step < -MAX_BACKWARD_TICKS || step > this.#maxForwardTicks) this.#epoch++;
    this.#lastTicks = ticks;
    return this.#epoch;
  }

  /** Counts from that of another on. */
  follow(other: JumpingClock): void {
    this.#epoch = other.#epoch;
  }
}

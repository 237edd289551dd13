/**
 * Timestamps across a child: each one goes in as a tick of the child's own clock and is looked up
 * when that tick comes out, so that what ffmpeg does to clocks (rounding, monotony, jumps) cannot
 * change it.
 *
 * @module
 */

import type { Rational } from "../../base/rational.ts";

// Room below the first packet for pictures that are shown before it.
const HEAD_START_SECONDS = 10;
// Jumps beyond this are ironed out for the child, which may take larger ones for damage.
const MAX_STEP_SECONDS = 30;

/** What is in flight between a child's input and its output. */
export class PtsMap {
  readonly #headStart: number;
  readonly #maxStep: number;
  readonly #pending = new Map<number, number>();
  #offset: number | undefined;
  #lastDts = 0;
  #highest = 0;
  #skipped = 0;

  /** Creates an empty map for a time base. */
  constructor(timeBase: Rational) {
    const second = timeBase.den / timeBase.num;
    this.#headStart = Math.ceil(HEAD_START_SECONDS * second);
    this.#maxStep = MAX_STEP_SECONDS * second;
  }

  /** Packets that went in and have not come out. */
  get inFlight(): number {
    return this.#pending.size;
  }

  /** Packets that never came out although later ones did: the decoder dropped them. */
  get skipped(): number {
    return this.#skipped;
  }

  /** The child's tick for a packet: unlike any other in flight. */
  enter(ptsTicks: number, dtsTicks: number): number {
    const step = dtsTicks - this.#lastDts;
    if (this.#offset === undefined) this.#offset = ptsTicks - this.#headStart;
    else if (step < 0 || step > this.#maxStep) {
      this.#offset = ptsTicks - this.#highest - this.#headStart;
    }
    this.#lastDts = dtsTicks;
    let tick = Math.max(0, ptsTicks - this.#offset);
    while (this.#pending.has(tick)) tick++;
    this.#highest = Math.max(this.#highest, tick);
    this.#pending.set(tick, ptsTicks);
    return tick;
  }

  /** The pts that went in with a tick that came out; undefined for one that did not go in. */
  leave(tick: number): number | undefined {
    const ptsTicks = this.#pending.get(tick);
    if (ptsTicks === undefined) return undefined;
    // Output is in order: what lies before it will not come any more.
    for (const other of this.#pending.keys()) {
      if (other >= tick) continue;
      this.#pending.delete(other);
      this.#skipped++;
    }
    this.#pending.delete(tick);
    return ptsTicks;
  }

  /** Takes back a packet that did not go in after all; returns whether it had not come out. */
  withdraw(tick: number): boolean {
    return this.#pending.delete(tick);
  }

  /** The pts that a tick stands for now, by arithmetic: for output that was not announced. */
  guess(tick: number): number {
    return tick + (this.#offset ?? 0);
  }
}

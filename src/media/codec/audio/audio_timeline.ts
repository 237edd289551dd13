/**
 * One unbroken row of samples out of pieces of sound whose clocks may drift, overlap or leave gaps:
 * an encoder counts samples, and every sample must still be heard at its time.
 *
 * @module
 */

import { type Rational, ticksToSeconds } from "../../../base/rational.ts";

// Clocks in whole milliseconds jitter by one; people notice tens.
const TOLERANCE_SECONDS = 0.002;
// Larger jumps start a new row.
const MAX_FIX_SECONDS = 1;

/** How a piece of sound joins the row. */
export interface Placement {
  /** Samples of silence that come first. */
  readonly silence: number;
  /** Samples of the piece that are left out. */
  readonly skip: number;
}

/** Follows one row of samples. */
export class AudioTimeline {
  /** The pts of the first sample. */
  readonly startTicks: number;
  readonly #sampleRate: number;
  readonly #timeBase: Rational;
  #samples = 0;

  /** Starts a row at a pts. */
  constructor(startTicks: number, options: { sampleRate: number; timeBase: Rational }) {
    this.startTicks = startTicks;
    this.#sampleRate = options.sampleRate;
    this.#timeBase = options.timeBase;
  }

  /** The samples in the row. */
  get samples(): number {
    return this.#samples;
  }

  /** Whether a piece at `ptsTicks` belongs to this row; if not, the clock jumped. */
  continues(ptsTicks: number): boolean {
    return Math.abs(this.#lateSeconds(ptsTicks)) <= MAX_FIX_SECONDS;
  }

  /** Appends a piece of `count` samples at `ptsTicks`, and says how. */
  append(ptsTicks: number, count: number): Placement {
    const late = this.#lateSeconds(ptsTicks);
    const off = Math.abs(late) <= TOLERANCE_SECONDS ? 0 : Math.round(late * this.#sampleRate);
    const silence = Math.max(0, off);
    const skip = Math.min(count, Math.max(0, -off));
    this.#samples += silence + count - skip;
    return { silence, skip };
  }

  #lateSeconds(ptsTicks: number): number {
    const since = ticksToSeconds(ptsTicks - this.startTicks, this.#timeBase);
    return since - this.#samples / this.#sampleRate;
  }
}

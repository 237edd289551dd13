/**
 * When an encoder makes a keyframe, and the clock it runs on.
 *
 * @module
 */

import { type Rational, ticksToSeconds } from "../../../base/rational.ts";
import { ENCODER_CLOCK_RATE } from "../arguments.ts";

// Longer pauses, and steps backwards, are ironed out: the child's rate control must not see them.
const MAX_STEP_SECONDS = 10;
const USUAL_STEP_SECONDS = 1 / 30;

/**
 * Maps pts to the ticks of an encoder child. Even ticks are plain pictures; an odd tick asks for a
 * keyframe, which is how single pictures are marked in a pipe that has no room for marks.
 */
export class KeyframeClock {
  readonly #timeBase: Rational;
  readonly #gopSeconds: number;
  #lastPts: number | undefined;
  #keyPts = 0;
  #seconds = 0;
  #lastTick = -2;

  /** Creates a clock that asks for a keyframe every `gopSeconds`, the first picture included. */
  constructor(options: { timeBase: Rational; gopSeconds: number }) {
    this.#timeBase = options.timeBase;
    this.#gopSeconds = options.gopSeconds;
  }

  /** The tick for the next picture: above all before it. */
  tick(ptsTicks: number, forceKeyframe = false): { tick: number; keyframe: boolean } {
    const first = this.#lastPts === undefined;
    const keyframe = first || forceKeyframe || this.#keyframeDue(ptsTicks);
    if (keyframe) this.#keyPts = ptsTicks;
    const step = ticksToSeconds(ptsTicks - (this.#lastPts ?? ptsTicks), this.#timeBase);
    this.#seconds += step < 0 || step > MAX_STEP_SECONDS ? USUAL_STEP_SECONDS : step;
    this.#lastPts = ptsTicks;
    const even = 2 * Math.round(this.#seconds * ENCODER_CLOCK_RATE / 2);
    const plain = Math.max(even, this.#lastTick - this.#lastTick % 2 + 2);
    // The first picture is a keyframe anyway, and ffmpeg counts t from its tick: it must be even.
    this.#lastTick = plain + (keyframe && !first ? 1 : 0);
    return { tick: this.#lastTick, keyframe };
  }

  #keyframeDue(ptsTicks: number): boolean {
    const since = ticksToSeconds(ptsTicks - this.#keyPts, this.#timeBase);
    // A tick of tolerance: pts of whole frames are often rounded.
    return since < 0 || since + ticksToSeconds(1, this.#timeBase) >= this.#gopSeconds;
  }
}

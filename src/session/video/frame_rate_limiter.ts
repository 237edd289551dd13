/**
 * The frame-rate cap of a stream (specs/MEDIA.md, "Frame selection and A/V sync").
 *
 * @module
 */

import { type Rational, ticksToSeconds } from "../../base/mod.ts";

/** Part of an interval that a frame may come early, so that rounded timestamps do not cost frames. */
const EARLY_TOLERANCE = 0.1;

/**
 * Selects frames by presentation time so that at most `maxFps` of them pass per second. A frame that
 * is more than one interval late, or a timestamp that jumps back, resets the phase.
 */
export class FrameRateLimiter {
  #maxFps = Infinity;
  #intervalSeconds = 0;
  #dueSeconds: number | undefined;

  /** Creates a limiter; `Infinity` lets every frame pass. Throws a `RangeError` below or at zero. */
  constructor(maxFps: number) {
    this.setMaxFps(maxFps);
  }

  /** The cap, in frames a second. */
  get maxFps(): number {
    return this.#maxFps;
  }

  /** Changes the cap from the next frame on. Throws a `RangeError` for a rate that is not above zero. */
  setMaxFps(maxFps: number): void {
    if (!(maxFps > 0)) {
      throw new RangeError(`Cannot cap the frame rate at ${maxFps}: use a number above zero`);
    }
    this.#maxFps = maxFps;
    this.#intervalSeconds = 1 / maxFps;
    this.#dueSeconds = undefined;
  }

  /** Whether the frame with this presentation time passes. Call it once per frame, in display order. */
  accept(ptsTicks: number, timeBase: Rational): boolean {
    const interval = this.#intervalSeconds;
    if (interval === 0) return true;
    const pts = ticksToSeconds(ptsTicks, timeBase);
    const due = this.#dueSeconds;
    if (due !== undefined && pts < due - interval * EARLY_TOLERANCE && pts > due - 2 * interval) {
      return false;
    }
    const onTime = due !== undefined && Math.abs(pts - due) <= interval;
    this.#dueSeconds = (onTime ? due : pts) + interval;
    return true;
  }
}

/** What an encoder is told of the frame rate where frames come at most this fast. */
export function encoderFrameRate(maxFps: number): number {
  return Number.isFinite(maxFps) ? maxFps : 30;
}

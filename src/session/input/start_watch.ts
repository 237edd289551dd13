/**
 * Noticing that decoding cannot start.
 *
 * @module
 */

import { MediaError } from "../../base/mod.ts";

/** Pictures may pass for so long before the first that decoding can start at: 2 s at 90 kHz. */
const PATIENCE_TICKS = 180_000;

/** Watches the pictures that pass before decoding starts. */
export class StartWatch {
  #since: number | undefined;
  #passed = 0;
  #told = false;

  /** Decoding goes on, or starts. */
  started(): void {
    this.#since = undefined;
    this.#passed = 0;
    this.#told = false;
  }

  /**
   * A picture was left out at this decoding time. Returns what to report, once, when that has lasted
   * for 2 s of the input; `described` says whether there was a parameter set.
   */
  passed(dtsTicks: number, described: boolean): MediaError | undefined {
    this.#since ??= dtsTicks;
    this.#passed++;
    const waited = Math.abs(dtsTicks - this.#since);
    if (this.#told || waited < PATIENCE_TICKS) return undefined;
    this.#told = true;
    const missing = described
      ? "neither an IDR picture nor a recovery point nor an I picture; send keyframes more often"
      : "no sequence parameter set that can be read; repeat parameter sets with each keyframe";
    return new MediaError(
      "MEDIA_NO_STREAM",
      `Cannot start decoding: ${this.#passed} pictures in 2 s of input had ${missing}`,
      { context: { pictures: this.#passed, described } },
    );
  }
}

/**
 * Passing over pictures of a live stream that is behind its input.
 *
 * @module
 */

import type { LiveEdge } from "../input/live_edge.ts";

/** A picture that is further behind the newest is late, in milliseconds: more than queues make it. */
const LATE_MS = 250;
/** Pictures are passed over up to the first that is no further behind the newest, in milliseconds. */
const ON_TIME_MS = 100;
/** So often a picture goes out all the same, in milliseconds: decoding alone may be too slow. */
const MAX_PAUSE_MS = 200;

/** Options of a {@linkcode CatchUp}. */
export interface CatchUpOptions {
  readonly edge: LiveEdge;
  /** How long pictures may be late before some are passed over, in milliseconds. */
  readonly graceMs: number;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/**
 * A stream is joined at a keyframe, which may be seconds old, and may fall behind on a busy machine: every
 * picture has to be decoded, but those that are late need not be processed and encoded. The first
 * goes out at once, and those after it as well, where that is enough to catch up.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #lateSinceMs: number | undefined;
  #passedMs = 0;
  #isSkipping = false;

  /** Passes nothing over before pictures are late. */
  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Whether a picture is passed over. Each is asked about once, in the order of their times. */
  skips(ptsTicks: number): boolean {
    const { edge, graceMs } = this.#options;
    const now = this.#options.now();
    const behindMs = edge.behindMs(ptsTicks);
    if (behindMs <= ON_TIME_MS) this.#isSkipping = false;
    if (behindMs <= LATE_MS) this.#lateSinceMs = undefined;
    else if (now - (this.#lateSinceMs ??= now) >= graceMs) this.#isSkipping = true;
    if (this.#isSkipping && now - this.#passedMs < MAX_PAUSE_MS) return true;
    this.#passedMs = now;
    return false;
  }
}

/**
 * How far pictures are reordered in a stream that does not say so.
 *
 * @module
 */

import type { Packet, VideoStreamInfo } from "../../media/types.ts";

/** The most that H.264 and HEVC have. */
const MAX_DEPTH = 16;

/** Times that are no further apart are meant to be the same: 5 ms at 90 kHz. */
const MAX_ROUNDING_TICKS = 450;

/**
 * Finds the depth where the parameter sets do not tell it (no VUI, or not much in it). A decoder that
 * believes that nothing is reordered gives the first B-frame up. But a keyframe that is shown later than it
 * is decoded makes room for pictures to be put in order: so many as are decoded in that time.
 */
export class ReorderDepth {
  #found = 0;

  /** The depth of a stream. */
  depthOf({ reorderDepth }: VideoStreamInfo): number {
    return Math.max(reorderDepth, this.#found);
  }

  /** Whether a packet tells that pictures are reordered, but not how far before the next one came. */
  isUnknown({ keyframe, ptsTicks, dtsTicks }: Packet): boolean {
    return this.#found === 0 && keyframe && ptsTicks - dtsTicks > MAX_ROUNDING_TICKS;
  }

  /** Takes such a packet, and the decoding time of the next one; undefined: there is none. */
  learn({ ptsTicks, dtsTicks }: Packet, nextDtsTicks: number | undefined): void {
    const step = (nextDtsTicks ?? Infinity) - dtsTicks;
    const depth = step > 0 ? Math.ceil((ptsTicks - dtsTicks) / step) : MAX_DEPTH;
    this.#found = Math.min(MAX_DEPTH, Math.max(1, depth));
  }
}

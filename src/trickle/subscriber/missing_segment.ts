/**
 * Where to go after a 470: TRICKLE.md section 8.4, rule 3.
 *
 * @module
 */

import { INDEX_NEXT } from "../protocol.ts";

/** The least wait before the same index is asked for again. */
export const SAME_INDEX_DELAY_MS = 250;
const RESTART_DELAY_MS = 100;
const SAME_INDEX_RETRIES = 3;
/**
 * Answers in a row without a byte of a segment after which the next question is asked at once: a
 * server that always points on must not be hammered.
 */
export const FREE_JUMPS = 4;

/** What led to a 470. */
export interface MissingSegment {
  /** The index asked for. */
  readonly requested: number;
  /** `Lp-Trickle-Latest` of the answer; undefined when absent or unreadable. */
  readonly latest: number | undefined;
  /** How often this index was asked for again already. */
  readonly retries: number;
  /** How many 470 came in a row before. */
  readonly misses: number;
}

/** What to do about it. */
export interface MissingSegmentStep {
  readonly index: number;
  readonly delayMs: number;
  /** Whether the position moved forward, so that the retry budget is not touched. */
  readonly isAdvance: boolean;
}

/** Decides the next request after a 470. */
export function afterMissingSegment(missing: MissingSegment): MissingSegmentStep {
  const { requested } = missing;
  const latest = missing.latest === undefined || missing.latest < 0 ? INDEX_NEXT : missing.latest;
  if (requested < 0 && latest !== requested) return { index: latest, delayMs: 0, isAdvance: false };
  if (latest > requested) {
    const delayMs = missing.misses < FREE_JUMPS ? 0 : SAME_INDEX_DELAY_MS;
    return { index: latest, delayMs, isAdvance: true };
  }
  if (latest >= requested - 1) {
    const index = missing.retries < SAME_INDEX_RETRIES ? requested : latest;
    return { index, delayMs: SAME_INDEX_DELAY_MS, isAdvance: false };
  }
  return { index: latest, delayMs: RESTART_DELAY_MS, isAdvance: false };
}

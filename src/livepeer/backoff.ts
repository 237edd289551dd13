/**
 * Waits between attempts.
 *
 * @module
 */

/** Longest wait. */
const LONGEST_MS = 30_000;
/** First wait. */
const FIRST_MS = 1_000;

/**
 * The wait after a number of failures in a row: doubled each time up to 30 s, and up to a quarter
 * shorter by chance, so that many workers do not ask at once.
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const longest = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 20), LONGEST_MS);
  return longest * (1 - random() / 4);
}

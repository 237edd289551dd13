/**
 * Numbers of checks.
 *
 * @module
 */

/** What became of a number of checks. */
export interface Count {
  /** Checks that held. */
  readonly passed: number;
  /** Checks that did not. */
  readonly failed: number;
  /** Checks that this machine cannot run. */
  readonly skipped: number;
}

/** Counts the checks of each status. */
export function countOf(checks: Iterable<{ readonly status: keyof Count }>): Count {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { status } of checks) count[status]++;
  return count;
}

/** Adds counts up. */
export function sumOf(counts: Iterable<Count>): Count {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** `3 passed, 1 failed`, with `, 2 skipped` if there are any. */
export function describeCount({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

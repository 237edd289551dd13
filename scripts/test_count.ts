/**
 * Reads the totals of a `deno test --junit-path` report.
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

/** Reads the totals of a JUnit report. Throws an `Error` when it has none. */
export function countTests(junit: string): Count {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "";
  const total = readAttribute(head, "tests");
  const failed = readAttribute(head, "failures") + readAttribute(head, "errors");
  const skipped = junit.match(/<skipped\b/g)?.length ?? 0;
  return { passed: total - failed - skipped, failed, skipped };
}

function readAttribute(element: string, name: string): number {
  const value = new RegExp(`\\b${name}="(\\d+)"`).exec(element)?.[1];
  if (value === undefined) {
    throw new Error(
      `Cannot count the tests: the report has no total of ${name}; see the test output`,
    );
  }
  return Number(value);
}

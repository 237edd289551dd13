/** What a worker says that lacks a permission of Deno. */

import assert from "node:assert/strict";

/** Asserts that nothing was refused to a worker, by what it logged. */
export function assertNotRefused(log: readonly string[]): void {
  const complaints = log.filter((line) => /NotCapable|Requires .* access/.test(line));
  assert.deepEqual(complaints, []);
}

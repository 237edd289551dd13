/**
 * Attacks that nobody can make over the network, and the tests that make them on this machine.
 *
 * @module
 */

/** What an attack is, and the test that makes it. */
export const ELSEWHERE: readonly (readonly [attack: string, test: string])[] = [
  ["a model's address or weights lead to files of the system", "tests/inference"],
  ["the worker runs out of file descriptors", "tests/cli/descriptors_test.ts"],
  ["secrets in the list of processes, in logs, with ffmpeg", "tests/cli/secrets_test.ts"],
  ["control characters reach a terminal", "tests/cli/terminal_test.ts"],
  ["a name leads elsewhere after it was checked", "tests/trickle/url_rules_test.ts"],
  ["a processor that allocates, hangs or escapes", "tests/worker/isolation"],
  ["another local user takes raw pictures", "tests/media/codec"],
  ["tokens and shares of a trickle server", "tests/trickle"],
  ["401s set off heartbeats of an orchestrator", "tests/livepeer"],
  ["peers that are gone, refuse or answer nonsense", "tests/e2e/chaos_test.ts"],
  ["certificates of somebody else", "tests/trickle/tls_test.ts"],
  ["broken media", "scripts/fuzz_ts.ts"],
];

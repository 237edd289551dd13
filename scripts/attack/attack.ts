/**
 * What an attack is, how one is made, and the table of what came of all.
 *
 * @module
 */

import { ask, type Target } from "./raw_http.ts";

/** What an attack is made on. */
export interface Victims {
  readonly worker: Target;
  /** Where one was named. */
  readonly trickle: Target | undefined;
}

/** What came of an attack; `held` is undefined where it says nothing about this server. */
export interface Verdict {
  readonly held: boolean | undefined;
  readonly got: string;
}

/** One attack. */
export interface Attack {
  readonly name: string;
  /** What a server does that holds. */
  readonly expected: string;
  /** How much it takes: `quick` is over at once, `slow` waits for time limits, `streams` starts streams. */
  readonly kind: "quick" | "slow" | "streams";
  /** Which server must answer afterwards. */
  readonly on: keyof Victims;
  run(target: Target, victims: Victims): Promise<Verdict>;
}

/** An attack and what came of it. */
export interface Result {
  readonly attack: Attack;
  readonly verdict: Verdict;
}

/** No attack waits longer than this, in milliseconds. */
const DEADLINE_MS = 60_000;

/** How long a server may take to answer afterwards, in milliseconds. */
const ALIVE_MS = 10_000;

/** Something that a server answers at once, whatever it thinks of it. */
const ALIVE_PATH: Readonly<Record<keyof Victims, string>> = {
  worker: "/livez",
  trickle: "/attack-alive/next",
};

/** The verdict of an attack that says nothing about this server. */
export function notApplicable(why: string): Verdict {
  return { held: undefined, got: why };
}

/** Makes an attack, after which the server answers within `aliveMs`. Never rejects. */
export async function runAttack(
  attack: Attack,
  victims: Victims,
  { aliveMs = ALIVE_MS }: { readonly aliveMs?: number } = {},
): Promise<Result> {
  const target = victims[attack.on];
  if (target === undefined) {
    return { attack, verdict: notApplicable("no trickle server was named (--trickle URL)") };
  }
  const deadline = Promise.withResolvers<Verdict>();
  const timer = setTimeout(
    () => deadline.resolve({ held: false, got: `not over after ${DEADLINE_MS / 1000} s` }),
    DEADLINE_MS,
  );
  try {
    const verdict = await Promise.race([attack.run(target, victims), deadline.promise]);
    const isAlive = verdict.held === undefined ||
      await answers(target, ALIVE_PATH[attack.on], aliveMs);
    return {
      attack,
      verdict: isAlive ? verdict : { held: false, got: `${verdict.got}; then it answered nothing` },
    };
  } catch (error) {
    const got = `the attack failed: ${error instanceof Error ? error.message : String(error)}`;
    return { attack, verdict: { held: false, got } };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a server answers at all. It may still be closing the connections of an attack. */
export async function answers(
  target: Target,
  path: string,
  aliveMs: number = ALIVE_MS,
): Promise<boolean> {
  const end = performance.now() + aliveMs;
  for (;;) {
    const { status } = await ask(target, { path, hasToken: true, timeoutMs: aliveMs });
    if (status !== 0 && status !== 503) return true;
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The results as lines of a table. */
export function tableOf(results: readonly Result[]): string[] {
  const rows = results.map(({ attack, verdict }) => [
    wordOf(verdict),
    attack.on,
    attack.name,
    attack.expected,
    shown(verdict.got),
  ]);
  const all = [["result", "server", "attack", "expected", "got"], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) =>
    row.map((cell, column) => cell.padEnd(column === 4 ? 0 : widths[column]!)).join("  ")
  );
}

function wordOf({ held }: Verdict): string {
  if (held === undefined) return "n/a";
  return held ? "held" : "FELL";
}

/** What a server said may be anything: it is kept short and plain for the terminal. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, 160);
}

// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Attacks a worker, and a trickle server, of your own, and says which attacks held:
 *
 *     deno run -A scripts/attack.ts URL [--token-file FILE] [--trickle URL] [--trickle-token-file FILE]
 *
 * Exit code 1 when something fell, 2 for options that cannot be used. It changes nothing that it did not make
 * itself, and ends within two minutes. `--quick` leaves out what waits for time limits, `--streams` also
 * starts streams on a worker that is idle. docs/security.md says what the attacks are about.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { readSecretFile } from "../src/base/secret_file.ts";
import { ACCESS_ATTACKS } from "./attack/access_attacks.ts";
import {
  answers,
  type Attack,
  type Result,
  runAttack,
  tableOf,
  type Victims,
} from "./attack/attack.ts";
import { ELSEWHERE } from "./attack/elsewhere.ts";
import { LOAD_ATTACKS } from "./attack/load_attacks.ts";
import type { Target } from "./attack/raw_http.ts";
import { STREAM_ATTACKS } from "./attack/stream_attacks.ts";
import { TRICKLE_ATTACKS } from "./attack/trickle_attacks.ts";

/** Which attacks are made. */
export interface AttackOptions {
  /** Leaves out what waits for time limits. @default {false} */
  readonly quick?: boolean;
  /** Adds what starts streams. @default {false} */
  readonly streams?: boolean;
}

/** Makes the attacks, those that wait for time limits beside each other. */
export async function attack(victims: Victims, options: AttackOptions = {}): Promise<Result[]> {
  const all: readonly Attack[] = [
    ...ACCESS_ATTACKS,
    ...TRICKLE_ATTACKS,
    ...LOAD_ATTACKS,
    ...STREAM_ATTACKS,
  ];
  const chosen = all.filter(({ kind }) =>
    kind === "quick" || kind === "slow" && options.quick !== true ||
    kind === "streams" && options.streams === true
  );
  const slow = chosen.filter(({ kind }) => kind === "slow");
  const results: Result[] = [];
  for (const each of chosen) {
    if (!slow.includes(each)) results.push(await runAttack(each, victims));
  }
  return [...results, ...await Promise.all(slow.map((each) => runAttack(each, victims)))];
}

function targetOf(
  text: string,
  token: string | undefined,
  caCerts: readonly string[],
): Target {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`Cannot attack ${text}: give the URL of a server of yours`);
  }
  return { url, token, caCerts };
}

function secretOf(
  values: { readonly [name: string]: string | boolean | undefined },
  name: string,
): string | undefined {
  const [value, file] = [values[name], values[`${name}-file`]];
  return typeof file === "string" ? readSecretFile(file, `--${name}-file`) : value?.toString();
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      token: { type: "string" },
      "token-file": { type: "string" },
      trickle: { type: "string" },
      "trickle-token": { type: "string" },
      "trickle-token-file": { type: "string" },
      "tls-ca": { type: "string" },
      quick: { type: "boolean" },
      streams: { type: "boolean" },
    },
  });
  const [url] = positionals;
  if (url === undefined || positionals.length > 1) {
    throw new TypeError("Give one URL, that of a worker of yours: http://127.0.0.1:8000");
  }
  const ca = values["tls-ca"];
  const caCerts = ca === undefined ? [] : [await Deno.readTextFile(ca)];
  const victims: Victims = {
    worker: targetOf(url, secretOf(values, "token"), caCerts),
    trickle: values.trickle === undefined
      ? undefined
      : targetOf(values.trickle, secretOf(values, "trickle-token"), caCerts),
  };
  for (const target of [victims.worker, victims.trickle]) {
    if (target === undefined || await answers(target, "/livez")) continue;
    throw new TypeError(`Cannot attack ${target.url}: nothing answers there`);
  }
  const results = await attack(victims, values);
  for (const line of tableOf(results)) console.log(line);
  console.log("\nNot over the network; these tests make the attack on this machine:");
  for (const [what, test] of ELSEWHERE) console.log(`  ${what}: ${test}`);
  const count = (held: boolean | undefined): number =>
    results.filter(({ verdict }) => verdict.held === held).length;
  console.log(
    `\n${count(true)} held, ${count(false)} fell, ${count(undefined)} not applicable`,
  );
  return count(false) > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    Deno.exit(2);
  }
}

// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Lets random faults loose on a worker with four live streams, and checks that it goes on and that every
 * frame is accounted for: `deno run -A scripts/chaos.ts [FAULTS] [SEED] [--only NAME] [-- SERVE OPTIONS]`.
 * Exit code 1 when something did not hold; the same seed makes the same faults. Linux.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { runChaos, tableOf } from "../tests/e2e/chaos/run.ts";

if (import.meta.main) {
  const split = Deno.args.indexOf("--");
  const own = split < 0 ? Deno.args : Deno.args.slice(0, split);
  const { values, positionals } = parseArgs({
    args: own,
    allowPositionals: true,
    options: { only: { type: "string" }, verbose: { type: "boolean" } },
  });
  const [faults = 100, seed = Date.now() % 2 ** 31] = positionals.map(Number);
  console.log(`${faults} faults with seed ${seed}`);
  const report = await runChaos({
    faults,
    seed,
    args: split < 0 ? [] : Deno.args.slice(split + 1),
    ...(values.only === undefined ? {} : { only: values.only }),
    ...(values.verbose === true ? { print: console.log } : {}),
  });
  for (const line of tableOf(report)) console.log(line);
  const { broken, streams, before, after, pictures, seconds, unseen } = report;
  const sum = (read: (stream: typeof streams[number]) => number): number =>
    streams.reduce((total, stream) => total + read(stream), 0);
  console.log(
    `${streams.length} streams: ${sum((s) => s.frames_in)} frames in, ` +
      `${sum((s) => s.frames_out)} out, ${sum((s) => s.frames_dropped)} dropped; ` +
      `${sum((s) => s.frames_lost)} of those out lost with ${
        sum((s) => s.segments_lost)
      } segments; ` +
      `${pictures} pictures reached the reader; ${Math.round(seconds)} s`,
  );
  const reasons = new Map<string, number>();
  for (const { frames_dropped_by_reason } of streams) {
    for (const [reason, count] of Object.entries(frames_dropped_by_reason)) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    }
  }
  console.log(`dropped ${JSON.stringify(Object.fromEntries(reasons))}`);
  for (const line of unseen) console.log(`acknowledged and not seen: ${line}`);
  console.log(`before ${JSON.stringify(before)}`);
  console.log(`after  ${JSON.stringify(after)}`);
  for (const problem of broken) console.error(problem);
  if (broken.length > 0) console.error(`Repeat it with seed ${seed}`);
  Deno.exit(broken.length > 0 ? 1 : 0);
}

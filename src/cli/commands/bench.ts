/**
 * `bench`: the measurements of a checkout. The package does not hold them, so they run as a
 * program of their own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ConfigError } from "../../base/mod.ts";
import { EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../output/logging.ts";

const BENCH_HELP = `
Options of the measurements, such as --json, --runs and --seconds: see bench/mod.ts.`;

/** Adds the command. */
export function addBench(program: Command, run: RunTask): Command {
  return program.command("bench")
    .description("measure latency and throughput on this machine (in a checkout only)")
    .argument("[names...]", "what to measure, and options of it; everything when absent")
    .allowUnknownOption()
    .addHelpText("after", BENCH_HELP)
    .action((args: string[], flags: LogSettings) =>
      run(flags, ({ signal }) => bench(args, signal))
    );
}

async function bench(args: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const script = await findBench();
  // The benches need packages that are locked beside those of the tests.
  const lock = fileURLToPath(new URL("../tests/deno.lock", script));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--lock=${lock}`, script, ...args],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const stop = (): void => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const { success } = await child.status;
  signal.removeEventListener("abort", stop);
  if (signal.aborted) return EXIT.interrupted;
  return success ? EXIT.ok : EXIT.failed;
}

async function findBench(): Promise<string> {
  const url = new URL("../../../bench/mod.ts", import.meta.url);
  if (url.protocol === "file:" && await isFile(url)) return url.href;
  throw new ConfigError(
    "CONFIG_INVALID",
    "Cannot run the benches: they are not part of the package; run them in a checkout of Runnel",
  );
}

async function isFile(url: URL): Promise<boolean> {
  try {
    return (await Deno.stat(url)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * `trickle-server`: the embedded trickle server on a port of its own.
 *
 * @module
 */

import type { Command } from "commander";
import { type ConnectionLimits, TrickleServer } from "../../trickle/mod.ts";
import { addPageOptions, MAX_CONNECTIONS, pageAccess, type PageFlags } from "../access_options.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../logging.ts";
import { option, port, positiveNumber, wholeNumber } from "../options.ts";
import { untilAborted } from "../../base/pause.ts";

interface TrickleServerFlags extends LogSettings, PageFlags {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly autocreate: boolean;
  readonly changefeed: boolean;
  readonly idleTimeout: number;
  readonly maxConnections?: number;
  readonly maxConnectionsPerClient?: number;
}

/** Adds the command. */
export function addTrickleServer(program: Command, run: RunTask): Command {
  const command = program.command("trickle-server")
    .description("serve trickle channels: POST segments to them, GET segments from them")
    .addOption(option("--host <address>", "address to bind", {
      env: "RUNNEL_TRICKLE_HOST",
      default: "127.0.0.1",
    }))
    .addOption(option("--port <port>", "port to listen on; 0 takes a free one", {
      env: "RUNNEL_TRICKLE_PORT",
      default: 2939,
      parse: port,
    }))
    .addOption(option("--path <path>", "path that the channels are below", {
      env: "RUNNEL_TRICKLE_PATH",
      default: "/",
    }))
    .addOption(option<boolean>("--no-autocreate", "refuse POSTs to channels that do not exist", {
      env: "RUNNEL_TRICKLE_NO_AUTOCREATE",
    }))
    .addOption(option<boolean>("--changefeed", "announce channels on the channel _changes", {
      env: "RUNNEL_TRICKLE_CHANGEFEED",
      default: false,
    }))
    .addOption(option("--idle-timeout <seconds>", "close channels that nobody writes to", {
      env: "RUNNEL_TRICKLE_IDLE_TIMEOUT",
      default: 300,
      parse: positiveNumber,
    }))
    .addOption(option("--max-connections <n>", "connections at once (default: no limit)", {
      env: "RUNNEL_TRICKLE_MAX_CONNECTIONS",
      parse: wholeNumber(1, MAX_CONNECTIONS),
    }))
    .addOption(option("--max-connections-per-client <n>", "of which one address may have", {
      env: "RUNNEL_TRICKLE_MAX_CONNECTIONS_PER_CLIENT",
      parse: wholeNumber(1, MAX_CONNECTIONS),
    }));
  return addPageOptions(command, "RUNNEL_TRICKLE")
    .action((flags: TrickleServerFlags) => run(flags, (context) => serve(flags, context)));
}

async function serve(flags: TrickleServerFlags, context: CommandContext): Promise<ExitCode> {
  const idleTimeoutMs = flags.idleTimeout * 1000;
  await using server = new TrickleServer({
    autocreate: flags.autocreate,
    basePath: flags.path,
    changeFeed: flags.changefeed,
    idleTimeoutMs,
    ...pageAccess(flags),
    sweepIntervalMs: Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, idleTimeoutMs / 2)),
  });
  server.listen({
    hostname: flags.host,
    port: flags.port,
    connectionLimits: connectionLimits(flags),
  });
  context.announce(`Trickle server ready on ${server.url}`, { url: server.url });
  await Promise.race([untilAborted(context.signal), server.lost]);
  return EXIT.ok;
}

/** Without a limit no bytes are copied by a gate. */
function connectionLimits(
  { maxConnections, maxConnectionsPerClient }: TrickleServerFlags,
): Partial<ConnectionLimits> | undefined {
  if (maxConnections === undefined && maxConnectionsPerClient === undefined) return undefined;
  const all = maxConnections ?? MAX_CONNECTIONS;
  return { maxConnections: all, maxConnectionsPerClient: maxConnectionsPerClient ?? all };
}

/** A short idle timeout needs a sweep that is quicker than the usual minute. */
const MAX_SWEEP_MS = 60_000;
const MIN_SWEEP_MS = 100;

/**
 * `trickle-server`: the embedded trickle server on a port of its own.
 *
 * @module
 */

import type { Command } from "commander";
import { isLoopback, roomLogger } from "../../base/mod.ts";
import { TrickleServer } from "../../trickle/mod.ts";
import { AccessWatch } from "../access_watch.ts";
import { addPageOptions, pageAccess, type PageFlags } from "../access_options.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../logging.ts";
import { option, port, positiveNumber } from "../options.ts";
import {
  addTrickleAccessOptions,
  trickleAccess,
  type TrickleAccessFlags,
} from "../trickle_access.ts";
import {
  addTrickleLimitOptions,
  trickleConnections,
  type TrickleLimitFlags,
  trickleLimits,
} from "../trickle_limits.ts";
import { addServerTlsOptions, type ServerTlsFlags, serverTlsOf } from "../trickle_tls.ts";
import { untilAborted } from "../../base/pause.ts";

const log = roomLogger("cli");

interface TrickleServerFlags
  extends LogSettings, PageFlags, TrickleAccessFlags, TrickleLimitFlags, ServerTlsFlags {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly autocreate: boolean;
  readonly changefeed: boolean;
  readonly idleTimeout: number;
}

const ACCESS_HELP = `
With a token, grants or keys of signed URLs every request needs a permission. The file of
--grants-file:
  [{"token": "…", "rights": ["publish"], "channels": ["camera"], "prefixes": ["camera-"]}]
Clients send a token as "Authorization: Bearer", or in the URL: http://TOKEN@host/camera.
"runnel trickle-url" signs URLs. More: docs/trickle_server.md`;

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
    }));
  return addPageOptions(
    addTrickleLimitOptions(addServerTlsOptions(addTrickleAccessOptions(command))),
    "RUNNEL_TRICKLE",
  )
    .addHelpText("after", ACCESS_HELP)
    .action((flags: TrickleServerFlags) => run(flags, (context) => serve(flags, context)));
}

async function serve(flags: TrickleServerFlags, context: CommandContext): Promise<ExitCode> {
  const idleTimeoutMs = flags.idleTimeout * 1000;
  const access = trickleAccess(flags);
  const isShared = access.grants.length + access.signKeys.length > 0;
  const connectionLimits = trickleConnections(flags, { isShared });
  const limits = trickleLimits(flags, { isShared });
  const tls = serverTlsOf(flags);
  await using server = new TrickleServer({
    autocreate: flags.autocreate,
    basePath: flags.path,
    changeFeed: flags.changefeed,
    idleTimeoutMs,
    ...pageAccess(flags),
    ...access,
    limits,
    sweepIntervalMs: Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, idleTimeoutMs / 2)),
  });
  server.listen({
    hostname: flags.host,
    port: flags.port,
    connectionLimits,
    ...(tls === undefined ? {} : { tls }),
  });
  if (!isShared && !isLoopback(flags.host)) warnOfOpenDoor(server);
  await using _watch = new AccessWatch(flags, server);
  context.announce(`Trickle server ready on ${server.url}`, { url: server.url });
  await Promise.race([untilAborted(context.signal), server.lost]);
  return EXIT.ok;
}

function warnOfOpenDoor({ address }: TrickleServer): void {
  log.warn(
    "Anyone who reaches {hostname}:{port} may read, publish and delete: there are no tokens; " +
      "use --token-file, --grants-file or --sign-key-file, or listen on 127.0.0.1",
    { hostname: address?.hostname, port: address?.port },
  );
}

/** A short idle timeout needs a sweep that is quicker than the usual minute. */
const MAX_SWEEP_MS = 60_000;
const MIN_SWEEP_MS = 100;

/**
 * `serve`: the worker that orchestrators call.
 *
 * @module
 */

import type { Command } from "commander";
import { ConfigError, isLoopback, roomLogger, UrlPolicy } from "../../base/mod.ts";
import { registrationFromEnvironment, type RegistrationKind } from "../../livepeer/mod.ts";
import { StreamServer } from "../../server/mod.ts";
import type { IsolationKind, ProcessorPermissions } from "../../worker/mod.ts";
import {
  type AccessFlags,
  addAccessOptions,
  hideSecrets,
  httpAccess,
  tokenOf,
  warnOfVisibleToken,
} from "../options/access_options.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../output/logging.ts";
import {
  addTlsOptions,
  option,
  port,
  type TlsFlags,
  tlsOf,
  wholeNumber,
} from "../options/options.ts";
import { parsePermissions } from "../options/permission_words.ts";
import {
  chooseProcessor,
  describeProcessor,
  isolatedProcessor,
  modelFiles,
} from "../options/processor_options.ts";
import { servePermissions } from "../options/serve_permissions.ts";
import { RejectionSurvivor } from "../rejection_survivor.ts";
import {
  addStreamOptions,
  addVideoOptions,
  addWarmOptions,
  encoderOf,
  type StreamFlags,
  type VideoFlags,
  type WarmFlags,
} from "../options/stream_options.ts";
import { untilAborted } from "../../base/pause.ts";

const log = roomLogger("cli");

/** Most streams of `--capacity`. */
const MAX_CAPACITY = 256;

const REGISTRATION_HELP = `
With --registration, from the environment alone: ORCH_URL and ORCH_SECRET or ORCH_SECRET_FILE (both
needed), CAPABILITY_URL (http://localhost:8000), CAPABILITY_DESCRIPTION,
CAPABILITY_PRICE_PER_UNIT (0), CAPABILITY_PRICE_SCALING (1), CAPABILITY_CURRENCY (wei).`;

interface ServeFlags
  extends LogSettings, StreamFlags, VideoFlags, WarmFlags, AccessFlags, TlsFlags {
  readonly host?: string;
  readonly port: number;
  readonly prefix: string;
  readonly capabilityName: string;
  readonly capacity: number;
  readonly isolate: IsolationKind | "none";
  readonly isolateMemory: number;
  readonly processorAllow: ProcessorPermissions;
  readonly pipeline: string;
  readonly modelId?: string;
  readonly appVersion: string;
  readonly registration: RegistrationKind;
  /** In milliseconds. */
  readonly stopTimeout: number;
  /** Hosts, or true for all. */
  readonly printPermissions?: true | string;
}

/** Adds the command. */
export function addServe(program: Command, run: RunTask): Command {
  const command = program.command("serve")
    .description("serve the stream API: each stream that is started goes through a processor")
    .addOption(
      option(
        "--host <address>",
        "address to bind (default: 0.0.0.0 with a token, else 127.0.0.1)",
        {
          env: "HOST",
        },
      ),
    )
    .addOption(option("--port <port>", "port to listen on; 0 takes a free one", {
      env: "PORT",
      default: 8000,
      parse: port,
    }))
    .addOption(option("--prefix <path>", "path before every route, such as /v1", {
      env: "RUNNEL_PREFIX",
      default: "",
    }))
    .addOption(option("--capability-name <name>", "name that orchestrators know the worker by", {
      env: "CAPABILITY_NAME",
      default: "runnel",
    }))
    .addOption(option("--capacity <streams>", "streams at once, each with its own processor", {
      env: "CAPABILITY_CAPACITY",
      default: 1,
      parse: wholeNumber(1, MAX_CAPACITY),
    }))
    .addOption(option("--registration <kind>", "register with the orchestrator of ORCH_URL", {
      env: "RUNNEL_REGISTRATION",
      default: "none",
      choices: ["byoc", "live-runner", "none"],
    }))
    .addOption(option("--stop-timeout <ms>", "how long a stop writes out what is in flight", {
      env: "RUNNEL_STOP_TIMEOUT",
      default: 2_000,
      parse: wholeNumber(0, 5_000),
    }));
  const common = addWarmOptions(addVideoOptions(addStreamOptions(command)));
  const all = addAccessOptions(addIdentityOptions(addIsolationOptions(common)));
  return addTlsOptions(all)
    .option(
      "--print-permissions [hosts]",
      "print the permissions of Deno that these options need; hosts of streams, else all",
    )
    .addHelpText("after", REGISTRATION_HELP)
    .action((flags: ServeFlags, command: Command) =>
      run(flags, async (context) => {
        if (flags.printPermissions !== undefined) {
          return await printPermissions(flags, command, context);
        }
        if (command.getOptionValueSource("token") === "cli") warnOfVisibleToken();
        return await serve(flags, context);
      })
    );
}

/** An orchestrator elsewhere cannot reach a worker that listens to its own machine alone. */
function warnOfUnreachableUrl({ address }: StreamServer): void {
  const url = Deno.env.get("CAPABILITY_URL") || "http://localhost";
  const host = URL.parse(url)?.hostname ?? "";
  if (!isLoopback(address.hostname) || isLoopback(host)) return;
  log.warn(
    "The orchestrator is to call {url}, but the worker listens on {hostname} alone: set HOST",
    { url, hostname: address.hostname },
  );
}

/** Where streams run, and what their processors may do there. */
function addIsolationOptions(command: Command): Command {
  return command
    .addOption(option("--isolate <kind>", "run each stream in a thread or process of its own", {
      env: "RUNNEL_ISOLATE",
      default: "none",
      choices: ["none", "thread", "process"],
    }))
    .addOption(option("--isolate-memory <MiB>", "memory of each; of a thread the heap alone", {
      env: "RUNNEL_ISOLATE_MEMORY",
      default: 4096,
      parse: wholeNumber(64, 1_048_576),
    }))
    .addOption(
      option<ProcessorPermissions>(
        "--processor-allow <rights>",
        'what a processor in a process may do, such as "net=api.example.com read=./faces"',
        { env: "RUNNEL_PROCESSOR_ALLOW", parse: parsePermissions },
      ).default({}, "nothing"),
    );
}

/** What `/version` and `/app-version` say. */
function addIdentityOptions(command: Command): Command {
  return command
    .addOption(option("--pipeline <name>", "pipeline that the worker says it is", {
      env: "PIPELINE",
      default: "byoc",
    }))
    .addOption(option("--model-id <id>", "model that it says it runs; else the capability's name", {
      env: "MODEL_ID",
    }))
    .addOption(option("--app-version <version>", "version of your application", {
      env: "APP_VERSION",
      default: "0.0.0",
    }));
}

/** What was allowed, and to read the model. */
async function rightsOf(
  flags: ServeFlags,
  context: CommandContext,
): Promise<ProcessorPermissions> {
  const { isolate, processorAllow: given } = flags;
  if (isolate !== "process" || given.all === true || given.read === true) return given;
  return { ...given, read: [...given.read ?? [], ...await modelFiles(flags, context)] };
}

/** One option a line, for `deno run`. */
async function printPermissions(
  flags: ServeFlags,
  command: Command,
  context: CommandContext,
): Promise<ExitCode> {
  const hosts = flags.printPermissions === true || flags.printPermissions === undefined
    ? true
    : flags.printPermissions.split(",").filter((host) => host !== "");
  const permissions = await servePermissions(flags, command, hosts);
  context.print(`${permissions.join("\n")}\n`);
  return EXIT.ok;
}

async function serve(flags: ServeFlags, context: CommandContext): Promise<ExitCode> {
  if (flags.isolate !== "process" && Object.keys(flags.processorAllow).length > 0) {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot heed --processor-allow with --isolate ${flags.isolate}: a processor may do there what ` +
        "the worker may; use --isolate process",
    );
  }
  const tls = tlsOf(flags);
  const token = tokenOf(flags);
  const registration = registrationFromEnvironment(flags.registration, {
    get: (name) => Deno.env.get(name),
    defaults: {
      name: flags.capabilityName,
      capacity: flags.capacity,
      pipeline: flags.pipeline,
      modelId: flags.modelId ?? flags.capabilityName,
      version: flags.appVersion,
    },
    token,
    tls,
    urls: new UrlPolicy({ allow: flags.allowUrls }),
  });
  hideSecrets();
  using _survivor = new RejectionSurvivor();
  await using server = new StreamServer({
    ...httpAccess(flags),
    processor: flags.isolate === "none"
      ? await chooseProcessor(flags, context)
      : { ...isolatedProcessor(flags), permissions: await rightsOf(flags, context) },
    isolate: flags.isolate,
    isolateMemoryMb: flags.isolateMemory,
    registration,
    ...(flags.host === undefined || flags.host === "" ? {} : { host: flags.host }),
    port: flags.port,
    prefix: flags.prefix,
    capabilityName: flags.capabilityName,
    capacity: flags.capacity,
    pipeline: flags.pipeline,
    appVersion: flags.appVersion,
    ...(flags.modelId === undefined ? {} : { modelId: flags.modelId }),
    ...(token === undefined ? {} : { token }),
    targetFps: flags.targetFps,
    maxQueueSize: flags.maxQueueSize,
    maxQueueLatencyMs: flags.maxQueueLatency,
    maxBehindMs: flags.maxBehind,
    overlay: { mode: flags.overlay },
    gpuDepth: flags.gpuDepth,
    audioCodec: flags.audioCodec,
    hardware: flags.hardware,
    encoder: encoderOf(flags),
    gopSeconds: flags.gop,
    stopTimeoutMs: flags.stopTimeout,
    warmFfmpeg: flags.warmFfmpeg,
    ...(flags.warmFfmpegIdle === 0 ? {} : { warmFfmpegIdleMs: flags.warmFfmpegIdle * 1_000 }),
    ...(flags.allowUrls === undefined ? {} : { allowUrls: flags.allowUrls }),
    tls,
  });
  await server.start();
  context.announce(`Serving ${describeProcessor(flags)} on ${server.url}`, { url: server.url });
  if (registration !== undefined) warnOfUnreachableUrl(server);
  await Promise.race([untilAborted(context.signal), server.lost]);
  return EXIT.ok;
}

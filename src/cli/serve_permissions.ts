/**
 * The permissions of Deno that `serve` needs for given options, and no others.
 *
 * @module
 */

import type { Command } from "commander";
import { isAddress, variable } from "../base/mod.ts";
import { PROXY_VARIABLES } from "../base/net/bound_fetch.ts";
import { defaultCacheDir } from "../inference/mod.ts";
import { processorFileUrl } from "../processor/mod.ts";
import type { RegistrationKind } from "../livepeer/mod.ts";
import {
  COMMON_VARIABLES,
  type IsolationKind,
  moduleFiles,
  PROCESS_VARIABLES,
} from "../worker/mod.ts";
import { modelFiles, type ProcessorFlags } from "./processor_options.ts";

/** Variables that are looked at beside those of options. */
const VARIABLES = [
  "TMPDIR",
  "ORCH_URL",
  "ORCH_SECRET",
  "ORCH_SECRET_FILE",
  "CAPABILITY_DESCRIPTION",
  "CAPABILITY_URL",
  "CAPABILITY_PRICE_PER_UNIT",
  "CAPABILITY_PRICE_SCALING",
  "CAPABILITY_CURRENCY",
  // Deno looks at it when it checks a certificate.
  "NODE_USE_SYSTEM_CA",
  ...PROXY_VARIABLES,
] as const;

/**
 * All that Deno tells of the system but its authorities (`ca`), which certificates are checked with: that
 * permission has no name on the command line.
 */
const OTHER_SYSTEM_FACTS = [
  "cpus",
  "getPriority",
  "gid",
  "homedir",
  "hostname",
  "loadavg",
  "networkInterfaces",
  "osRelease",
  "osUptime",
  "setPriority",
  "statfs",
  "systemMemoryInfo",
  "uid",
  "userInfo",
  "username",
];

const SEE_AUTHORITIES = ["--allow-sys", `--deny-sys=${OTHER_SYSTEM_FACTS.join(",")}`];

/** Options of `serve` that need permissions. */
export interface PermissionFlags extends ProcessorFlags {
  readonly host?: string;
  readonly port: number;
  readonly isolate: IsolationKind | "none";
  readonly registration: RegistrationKind;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly tls: string;
  readonly tlsCa?: string;
  readonly tlsPin?: string;
}

/** Hosts that streams may lead to; true for all. */
export type StreamHosts = true | readonly string[];

/**
 * One option of `deno run` for each kind of permission. Without `hosts` the worker may connect to all, since
 * requests name the hosts of streams.
 */
export async function servePermissions(
  flags: PermissionFlags,
  command: Command,
  hosts: StreamHosts,
): Promise<string[]> {
  const isProcess = flags.isolate === "process";
  const lists = {
    net: networkOf(flags, hosts),
    run: [
      variable("FFMPEG_PATH") || "ffmpeg",
      ...programsThatAreThere(["nvidia-smi", ...Deno.build.os === "linux" ? ["prlimit"] : []]),
      ...isProcess ? [Deno.execPath()] : [],
    ],
    env: [
      ...command.options.flatMap(({ envVar }) => envVar ?? []),
      ...VARIABLES,
      ...isProcess ? PROCESS_VARIABLES : COMMON_VARIABLES,
    ],
    read: await filesOf(flags),
    write: [
      ...isProcess ? [temporaryFolder()] : [],
      ...isFromWeb(flags.model) ? [defaultCacheDir()] : [],
    ],
  };
  const options = Object.entries(lists).flatMap(([kind, list]) => {
    if (list === true) return [`--allow-${kind}`];
    const names = [...new Set(list)].map((name) => name.replaceAll(",", ",,"));
    return names.length === 0 ? [] : [`--allow-${kind}=${names.join(",")}`];
  });
  return ["--no-prompt", ...options, ...checksCertificates(flags) ? SEE_AUTHORITIES : []];
}

/** Whether certificates are compared with what an authority has signed, where a URL is of https. */
function checksCertificates({ tls, tlsPin }: PermissionFlags): boolean {
  return tls !== "insecure" && tlsPin === undefined;
}

function networkOf(flags: PermissionFlags, hosts: StreamHosts): StreamHosts {
  if (hosts === true) return true;
  const { port, model, isolate, registration, token, tokenFile } = flags;
  const isGuarded = token !== undefined || tokenFile !== undefined;
  const host = flags.host || (isGuarded ? "0.0.0.0" : "127.0.0.1");
  const name = host.includes(":") ? `[${host}]` : host;
  const urls = [
    ...isFromWeb(model) ? [model] : [],
    ...registration === "none" ? [] : [variable("ORCH_URL")],
  ];
  return [
    `${name}:${port}`,
    ...hosts,
    ...urls.flatMap((url) => permittedHost(url) ?? []),
    // The way of a process to the channels of its stream.
    ...isolate === "process" ? ["127.0.0.1:0"] : [],
  ];
}

/** A name is named without its port: only then may it be looked up. */
function permittedHost(url: string | undefined): string | undefined {
  const parsed = URL.parse(url ?? "");
  return parsed === null ? undefined : isAddress(parsed) ? parsed.host : parsed.hostname;
}

/** What is read while it runs: what the command line imports by itself needs no permission. */
async function filesOf(flags: PermissionFlags): Promise<string[]> {
  const { isolate, processor, model, tokenFile, tlsCa } = flags;
  const secrets = [tokenFile, tlsCa, variable("ORCH_SECRET_FILE")];
  const file = model === undefined ? processorFileUrl(processor) : undefined;
  const modules = isolate === "process" ? [] : [
    ...file === undefined ? [] : [file],
    ...isolate === "thread" || model !== undefined
      ? [import.meta.resolve("./isolated_processor.ts")]
      : [],
  ];
  return [
    ...secrets.flatMap((path) => path || []),
    ...modules.length === 0 ? [] : await moduleFiles(modules),
    ...isFromWeb(model) ? [] : await modelFiles(flags),
    ...isFromWeb(model) ? [defaultCacheDir()] : [],
    ...isolate === "process" ? [temporaryFolder()] : [],
    ...isolate === "process" && file !== undefined
      ? [decodeURIComponent(new URL(file).pathname)]
      : [],
  ];
}

function isFromWeb(model: string | undefined): model is string {
  return model !== undefined && /^https?:/i.test(model);
}

function temporaryFolder(): string {
  return variable("TMPDIR") || "/tmp";
}

/** Deno complains of programs that are not there. */
function programsThatAreThere(names: readonly string[]): string[] {
  const folders = (variable("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return names.filter((name) => folders.some((folder) => isFile(`${folder}/${name}`)));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

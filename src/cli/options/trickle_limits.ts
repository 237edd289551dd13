/**
 * What a trickle server may hold, and how many connections it takes: options of `trickle-server`.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../../base/mod.ts";
import { DEFAULT_CONNECTION_LIMITS } from "../../base/net/connection_limits.ts";
import {
  type ConnectionLimits,
  DEFAULT_TRICKLE_LIMITS,
  type TrickleLimits,
} from "../../trickle/mod.ts";
import { MAX_CONNECTIONS } from "./access_options.ts";
import { option, positiveNumber, wholeNumber } from "./options.ts";

/** Values of the options that {@linkcode addTrickleLimitOptions} adds. Sizes in bytes, times in milliseconds. */
export interface TrickleLimitFlags {
  readonly maxChannels?: number;
  readonly maxChannelsPerClient?: number;
  readonly maxNameLength?: number;
  readonly maxSegmentSize?: number;
  readonly maxChannelMemory?: number;
  readonly maxMemory?: number;
  readonly maxMemoryPerClient?: number;
  readonly maxRequestsPerClient?: number;
  /** 0: no limit. */
  readonly maxConnections?: number;
  readonly maxConnectionsPerClient?: number;
  readonly firstByteTimeout?: number;
  readonly headTimeout?: number;
  readonly keepAliveTimeout?: number;
  readonly writeTimeout?: number;
}

/** What `--max-connections 0` turns off. */
const CONNECTION_FLAGS = [
  ["maxConnectionsPerClient", "--max-connections-per-client"],
  ["firstByteTimeout", "--first-byte-timeout"],
  ["headTimeout", "--head-timeout"],
  ["keepAliveTimeout", "--keep-alive-timeout"],
  ["writeTimeout", "--write-timeout"],
] as const;

/** Connections at once of a server for more than one party, unless options say otherwise. */
const SHARED_CONNECTIONS = 1024;

const MEBIBYTE = 1024 * 1024;
/** Most of the sizes: 1 TiB. */
const MAX_MEBIBYTES = 1024 * 1024;
const MAX_COUNT = 1_000_000;
const MAX_NAME_LENGTH = 4096;
const MAX_SECONDS = 86_400;

/** Adds `--max-channels` and its like. */
export function addTrickleLimitOptions(command: Command): Command {
  for (const [flag, description, parse] of [...limitOptions(), ...connectionOptions()]) {
    const name = /^--([a-z-]+)/.exec(flag)?.[1] ?? "";
    const env = `RUNNEL_TRICKLE_${name.replaceAll("-", "_").toUpperCase()}`;
    command.addOption(option(flag, description, { env, parse }));
  }
  return command;
}

/** What limits depend on besides their own options. */
export interface ServerKind {
  /** Whether the server is for more than one party: it asks for tokens or signatures. */
  readonly isShared: boolean;
}

/** What the flags say of what may be held. Throws a `ConfigError` for one that another makes useless. */
export function trickleLimits(
  flags: TrickleLimitFlags,
  kind: ServerKind,
): Partial<TrickleLimits> {
  checkOrder(flags);
  const half = kind.isShared && flags.maxConnections !== 0
    ? Math.ceil(connectionsOf(flags, kind) / 2)
    : undefined;
  return given({
    maxChannels: flags.maxChannels,
    maxChannelsPerClient: flags.maxChannelsPerClient,
    maxNameLength: flags.maxNameLength,
    maxSegmentBytes: flags.maxSegmentSize,
    maxChannelBytes: flags.maxChannelMemory,
    maxTotalBytes: flags.maxMemory,
    maxBytesPerClient: flags.maxMemoryPerClient,
    maxRequestsPerClient: flags.maxRequestsPerClient ?? half,
  });
}

/**
 * What the flags say of connections; undefined: no limit, and no gate that copies every byte. A server that
 * `isShared`, for more than one party, has limits unless `--max-connections` is 0.
 */
export function trickleConnections(
  flags: TrickleLimitFlags,
  kind: ServerKind,
): Partial<ConnectionLimits> | undefined {
  const { isShared } = kind;
  const { maxConnections, maxConnectionsPerClient } = flags;
  const limits = given({
    firstByteTimeoutMs: flags.firstByteTimeout,
    headTimeoutMs: flags.headTimeout,
    idleTimeoutMs: flags.keepAliveTimeout,
    writeTimeoutMs: flags.writeTimeout,
  });
  const isAsked = maxConnections !== undefined || maxConnectionsPerClient !== undefined ||
    Object.keys(limits).length > 0;
  if (maxConnections === 0) {
    const beside = CONNECTION_FLAGS.find(([name]) => flags[name] !== undefined);
    if (beside === undefined) return undefined;
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot heed ${beside[1]} with --max-connections 0: without limits nothing watches ` +
        "connections; leave out one of the two",
    );
  }
  if (!isShared && !isAsked) return undefined;
  const all = connectionsOf(flags, kind);
  const perClient = maxConnectionsPerClient ?? (isShared ? Math.ceil(all / 2) : all);
  return { ...limits, maxConnections: all, maxConnectionsPerClient: perClient };
}

/** Connections at once, where they are limited. */
function connectionsOf(
  { maxConnections, maxConnectionsPerClient = 0 }: TrickleLimitFlags,
  { isShared }: ServerKind,
): number {
  const usual = isShared ? SHARED_CONNECTIONS : MAX_CONNECTIONS;
  return maxConnections ?? Math.max(usual, maxConnectionsPerClient);
}

type LimitOption = readonly [
  flags: string,
  description: string,
  parse: (text: string) => number,
];

function limitOptions(): LimitOption[] {
  const {
    maxChannels,
    maxNameLength,
    maxSegmentBytes,
    maxChannelBytes,
    maxTotalBytes,
  } = DEFAULT_TRICKLE_LIMITS;
  const count = wholeNumber(1, MAX_COUNT);
  const inMiB = (bytes: number): string => `(default: ${bytes / MEBIBYTE})`;
  return [
    ["--max-channels <n>", `channels at once (default: ${maxChannels})`, count],
    ["--max-channels-per-client <n>", "of which one client may create (default: half)", count],
    [
      "--max-name-length <n>",
      `characters of a channel's name (default: ${maxNameLength})`,
      wholeNumber(1, MAX_NAME_LENGTH),
    ],
    ["--max-segment-size <MiB>", `size of one segment ${inMiB(maxSegmentBytes)}`, mebibytes],
    ["--max-channel-memory <MiB>", `memory of one channel ${inMiB(maxChannelBytes)}`, mebibytes],
    ["--max-memory <MiB>", `memory of all channels ${inMiB(maxTotalBytes)}`, mebibytes],
    ["--max-memory-per-client <MiB>", "of which one client may fill (default: half)", mebibytes],
    [
      "--max-requests-per-client <n>",
      "reads, and writes, of one client at once (default: half of --max-connections)",
      wholeNumber(1, MAX_COUNT),
    ],
  ];
}

function connectionOptions(): LimitOption[] {
  const { firstByteTimeoutMs, headTimeoutMs, idleTimeoutMs, writeTimeoutMs } =
    DEFAULT_CONNECTION_LIMITS;
  const inSeconds = (ms: number): string => `(default: ${ms / 1000})`;
  return [
    [
      "--max-connections <n>",
      `connections at once; 0: no limit (default: ${SHARED_CONNECTIONS} with tokens or keys, else 0)`,
      wholeNumber(0, MAX_CONNECTIONS),
    ],
    [
      "--max-connections-per-client <n>",
      "of which one address may have (default: half with tokens or keys, else all)",
      wholeNumber(1, MAX_CONNECTIONS),
    ],
    [
      "--first-byte-timeout <seconds>",
      `how long a connection may send nothing at first ${inSeconds(firstByteTimeoutMs)}`,
      seconds,
    ],
    [
      "--head-timeout <seconds>",
      `how long the head of a request may take ${inSeconds(headTimeoutMs)}`,
      seconds,
    ],
    [
      "--keep-alive-timeout <seconds>",
      `how long a connection is kept without a request ${inSeconds(idleTimeoutMs)}`,
      seconds,
    ],
    [
      "--write-timeout <seconds>",
      `how long a client may take nothing of an answer ${inSeconds(writeTimeoutMs)}`,
      seconds,
    ],
  ];
}

function mebibytes(text: string): number {
  return wholeNumber(1, MAX_MEBIBYTES)(text) * MEBIBYTE;
}

function seconds(text: string): number {
  const value = positiveNumber(text);
  if (value <= MAX_SECONDS) return value * 1000;
  throw new InvalidArgumentError(`Use up to ${MAX_SECONDS} seconds.`);
}

/** A limit that was given must be one that can be reached. Throws a `ConfigError` for one that cannot. */
function checkOrder(flags: TrickleLimitFlags): void {
  const { maxChannels, maxChannelBytes, maxTotalBytes } = DEFAULT_TRICKLE_LIMITS;
  const memory = flags.maxMemory ?? maxTotalBytes;
  const sizes: Limit[] = [
    { name: "--max-segment-size", value: flags.maxSegmentSize, effective: 0 },
    {
      name: "--max-channel-memory",
      value: flags.maxChannelMemory,
      effective: flags.maxChannelMemory ?? maxChannelBytes,
    },
    {
      name: "--max-memory-per-client",
      value: flags.maxMemoryPerClient,
      effective: flags.maxMemoryPerClient ?? Math.ceil(memory / 2),
    },
    { name: "--max-memory", value: flags.maxMemory, effective: memory },
  ];
  checkEach(sizes, (bytes) => `${bytes / MEBIBYTE} MiB`);
  checkEach([
    { name: "--max-channels-per-client", value: flags.maxChannelsPerClient, effective: 0 },
    {
      name: "--max-channels",
      value: flags.maxChannels,
      effective: flags.maxChannels ?? maxChannels,
    },
  ], String);
  checkEach([
    { name: "--max-connections-per-client", value: flags.maxConnectionsPerClient, effective: 0 },
    {
      name: "--max-connections",
      value: flags.maxConnections,
      effective: flags.maxConnections ?? Infinity,
    },
  ], String);
}

/** A limit among others. */
interface Limit {
  readonly name: string;
  /** What was given. */
  readonly value: number | undefined;
  /** What holds, given or not. */
  readonly effective: number;
}

/** Each must fit into all that follow it. */
function checkEach(limits: readonly Limit[], show: (value: number) => string): void {
  limits.forEach(({ name, value }, index) => {
    const whole = limits.slice(index + 1).find(({ effective }) => (value ?? 0) > effective);
    if (value === undefined || whole === undefined) return;
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot set ${name} to ${show(value)}: ${whole.name} is ${show(whole.effective)}; ` +
        "lower the one or raise the other",
    );
  });
}

/** Without those that are not given. */
function given<T extends Readonly<Record<string, number | undefined>>>(
  limits: T,
): { [K in keyof T]?: number } {
  const entries = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: number };
}

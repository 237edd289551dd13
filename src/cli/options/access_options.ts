/**
 * Who may use a server: options of the commands that listen.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { roomLogger } from "../../base/mod.ts";
import { readSecretFile } from "../../base/process/secret_file.ts";
import type { HttpOptions, TokenScope } from "../../server/mod.ts";
import { option, wholeNumber } from "./options.ts";

const log = roomLogger("cli");

/** Values of the options that {@linkcode addPageOptions} adds. */
export interface PageFlags {
  readonly allowOrigin: readonly string[];
  readonly allowHost: readonly string[];
}

/** Values of the options that {@linkcode addAccessOptions} adds. */
export interface AccessFlags extends PageFlags {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly tokenScope: TokenScope;
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  readonly allowUrls?: readonly string[];
}

/** Most of `--max-connections`. */
export const MAX_CONNECTIONS = 65_536;

/** Variables that no child and no processor may see. */
const SECRET_VARIABLES = ["CAPABILITY_TOKEN", "ORCH_SECRET"] as const;

/** Adds what a worker asks of those who call it. */
export function addAccessOptions(command: Command): Command {
  command
    .addOption(option("--token <token>", "token that requests to streams must carry", {
      env: "CAPABILITY_TOKEN",
    }))
    .addOption(
      option("--token-file <file>", "file with the token, which then is in no process list", {
        env: "CAPABILITY_TOKEN_FILE",
      }).conflicts("token"),
    )
    .addOption(
      option("--token-scope <scope>", "what the token covers: streams, or all but health", {
        env: "CAPABILITY_TOKEN_SCOPE",
        default: "control",
        choices: ["control", "all"],
      }),
    );
  return addPageOptions(command, "RUNNEL")
    .addOption(
      option<readonly string[]>(
        "--allow-urls <list>",
        "hosts and networks of streams, models, orchestrators",
        {
          env: "RUNNEL_ALLOW_URLS",
          parse: (text) => listed(text),
        },
      ),
    )
    .addOption(option("--max-connections <n>", "connections at once", {
      env: "RUNNEL_MAX_CONNECTIONS",
      default: 256,
      parse: wholeNumber(1, MAX_CONNECTIONS),
    }))
    .addOption(option("--max-connections-per-client <n>", "of which one address may have", {
      env: "RUNNEL_MAX_CONNECTIONS_PER_CLIENT",
      default: 128,
      parse: wholeNumber(1, MAX_CONNECTIONS),
    }));
}

/** Adds which web pages may change something; `prefix` begins the names of the variables. */
export function addPageOptions(command: Command, prefix: string): Command {
  return command
    .addOption(
      option<readonly string[]>("--allow-origin <list>", "web pages that may change things, or *", {
        env: `${prefix}_ALLOW_ORIGIN`,
        parse: origins,
      }).default([], "own"),
    )
    .addOption(
      option<readonly string[]>("--allow-host <list>", "names that own web pages come from", {
        env: `${prefix}_ALLOW_HOST`,
        parse: (text) => listed(text),
      }).default([], "addresses"),
    );
}

/** What the flags say of pages. */
export function pageAccess(
  { allowOrigin, allowHost }: PageFlags,
): Pick<HttpOptions, "allowOrigins" | "allowHosts"> {
  return { allowOrigins: allowOrigin.includes("*") ? "*" : allowOrigin, allowHosts: allowHost };
}

/** What the flags say of everything but the token. */
export function httpAccess(flags: AccessFlags): HttpOptions {
  const { tokenScope, maxConnections, maxConnectionsPerClient } = flags;
  return {
    ...pageAccess(flags),
    tokenScope,
    connectionLimits: { maxConnections, maxConnectionsPerClient },
  };
}

/** The token of the flags. Throws a `ConfigError` for a file that has none. */
export function tokenOf({ token, tokenFile }: AccessFlags): string | undefined {
  return tokenFile === undefined ? token : readSecretFile(tokenFile, "--token-file");
}

/** Takes the secrets out of the environment, once they are read. */
export function hideSecrets(): void {
  for (const variable of SECRET_VARIABLES) {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    if (state === "granted" && Deno.env.has(variable)) Deno.env.delete(variable);
  }
}

/** Warns of a token on the command line. */
export function warnOfVisibleToken(): void {
  log.warn("--token is in the list of processes, for every user of this machine: use --token-file");
}

function origins(text: string): string[] {
  const all = listed(text);
  const wrong = all.find((origin) => origin !== "*" && URL.parse(origin)?.origin !== origin);
  if (wrong === undefined) return all;
  throw new InvalidArgumentError("Use origins such as https://app.example, separated by commas.");
}

function listed(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

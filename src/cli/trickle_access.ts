/**
 * Who may use the channels of a trickle server: options, and the files with the secrets that they name. No
 * secret is on the command line, where every user of the machine sees it.
 *
 * @module
 */

import type { Command } from "commander";
import { z } from "zod";
import { ConfigError, describeError } from "../base/mod.ts";
import { readSecretFile } from "../base/secret_file.ts";
import {
  checkSignKey,
  TRICKLE_RIGHTS,
  type TrickleAccess,
  type TrickleGrant,
} from "../trickle/mod.ts";
import { option } from "./options.ts";

/** Values of the options that {@linkcode addTrickleAccessOptions} adds. */
export interface TrickleAccessFlags extends SignKeyFlags {
  readonly tokenFile?: string;
  readonly grantsFile?: string;
}

/** Value of the option that {@linkcode addClientTokenOption} adds. */
export interface ClientTokenFlags {
  readonly tokenFile?: string;
}

/** Value of the option that {@linkcode addSignKeyOption} adds. */
export interface SignKeyFlags {
  readonly signKeyFile?: string;
}

/** As long as a signed URL's. */
const MAX_CLIENT_LENGTH = 256;

/** Longest file with grants in bytes. */
const MAX_GRANTS_BYTES = 4 * 1024 * 1024;

/** What the header of a request can hold. */
const SENDABLE = /^[\x21-\x7e]+$/;

/** Nobody guesses one of these over a network. */
const TOKEN = z.string().regex(
  /^[\x21-\x7e]{16,}$/,
  "a token has 16 or more printable ASCII characters without spaces",
);

const GRANTS = z.array(z.strictObject({
  token: TOKEN,
  rights: z.array(z.enum(TRICKLE_RIGHTS)).nonempty(),
  channels: z.array(z.string().nonempty()).optional(),
  prefixes: z.array(z.string()).optional(),
  client: z.string().nonempty().max(MAX_CLIENT_LENGTH).optional(),
})).nonempty();

/** Adds who may do what with which channels. */
export function addTrickleAccessOptions(command: Command): Command {
  return addSignKeyOption(
    command
      .addOption(option("--token-file <file>", "file with a token for everything", {
        env: "RUNNEL_TRICKLE_TOKEN_FILE",
      }))
      .addOption(option("--grants-file <file>", "JSON file with tokens and what each allows", {
        env: "RUNNEL_TRICKLE_GRANTS_FILE",
      })),
  );
}

/**
 * Adds the `--token-file` of commands that call a server. Its variable is not that of servers, whose token is not
 * for any host that somebody calls.
 */
export function addClientTokenOption(command: Command, env: string): Command {
  return command.addOption(
    option("--token-file <file>", "file with the token that the trickle server wants", { env }),
  );
}

/** The token to send, for the options of a client. Throws a `ConfigError` for a file that has none. */
export function clientToken({ tokenFile }: ClientTokenFlags): { readonly token?: string } {
  if (tokenFile === undefined) return {};
  const token = readSecretFile(tokenFile, "--token-file");
  if (SENDABLE.test(token)) return { token };
  throw unusable("--token-file", tokenFile, "a token has printable ASCII characters, no spaces");
}

/** Adds `--sign-key-file`. */
export function addSignKeyOption(command: Command): Command {
  return command.addOption(
    option("--sign-key-file <file>", "file with the keys of signed URLs, one a line", {
      env: "RUNNEL_TRICKLE_SIGN_KEY_FILE",
    }),
  );
}

/**
 * What the files say. Throws a `ConfigError` that names the option and shows nothing of the file; also for an
 * option that is given and empty, which must not open the server.
 */
export function trickleAccess(
  flags: TrickleAccessFlags,
): Required<TrickleAccess> {
  const { tokenFile, grantsFile, signKeyFile } = flags;
  return {
    grants: [
      ...tokenFile === undefined ? [] : [{ token: readToken(tokenFile), rights: TRICKLE_RIGHTS }],
      ...grantsFile === undefined ? [] : readGrants(grantsFile),
    ],
    signKeys: signKeyFile === undefined ? [] : readSignKeys(signKeyFile),
  };
}

/** The keys of a file, the one to sign with first. Throws a `ConfigError` where one could be guessed. */
export function readSignKeys(path: string): [string, ...string[]] {
  const lines = readSecretFile(path, "--sign-key-file").split("\n").map((line) => line.trim());
  const [first = "", ...others] = lines.filter((line) => line !== "");
  const keys: [string, ...string[]] = [first, ...others];
  keys.forEach((key, index) => {
    try {
      checkSignKey(key);
    } catch (error) {
      throw unusable("--sign-key-file", path, `key ${index + 1}: ${describeError(error)}`);
    }
  });
  return keys;
}

function readToken(path: string): string {
  const parsed = TOKEN.safeParse(readSecretFile(path, "--token-file"));
  if (parsed.success) return parsed.data;
  throw unusable("--token-file", path, problemsOf(parsed.error));
}

function readGrants(path: string): TrickleGrant[] {
  const text = readSecretFile(path, "--grants-file", { maxBytes: MAX_GRANTS_BYTES });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message shows what it stumbled over, which may be a token.
    throw unusable("--grants-file", path, "it is no JSON");
  }
  const parsed = GRANTS.safeParse(json);
  if (!parsed.success) throw unusable("--grants-file", path, problemsOf(parsed.error));
  const contradiction = parsed.data.findIndex(({ token, client }) =>
    parsed.data.find((grant) => grant.token === token)?.client !== client
  );
  if (contradiction >= 0) {
    const reason = `${contradiction}.client: an earlier grant says another of the same token`;
    throw unusable("--grants-file", path, reason);
  }
  return parsed.data.map(({ channels, prefixes, client, ...grant }) => ({
    ...grant,
    ...(channels === undefined ? {} : { channels }),
    ...(prefixes === undefined ? {} : { prefixes }),
    ...(client === undefined ? {} : { client }),
  }));
}

/** Messages name fields and what they may hold, and none of the values. An unknown field may be a token. */
function problemsOf({ issues }: z.ZodError): string {
  return issues.map((issue) => {
    const message = issue.code === "unrecognized_keys"
      ? "a grant has token, rights, channels, prefixes and client, and no other field"
      : issue.message;
    return [issue.path.join("."), message].filter(Boolean).join(": ");
  }).join("; ");
}

function unusable(name: string, path: string, reason: string): ConfigError {
  return new ConfigError("CONFIG_INVALID", `Cannot use the file ${path} of ${name}: ${reason}`, {
    context: { path },
  });
}

/**
 * `trickle-url`: a URL of a channel that carries its own permission.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../../base/mod.ts";
import { parseRights, signChannelUrl, type TrickleRight } from "../../trickle/mod.ts";
import { type CommandContext, EXIT, type ExitCode, type RunTask } from "../command_run.ts";
import type { LogSettings } from "../output/logging.ts";
import { httpUrl, option, wholeNumber } from "../options/options.ts";
import { addSignKeyOption, readSignKeys, type SignKeyFlags } from "../options/trickle_access.ts";

interface TrickleUrlFlags extends LogSettings, SignKeyFlags {
  readonly rights: readonly TrickleRight[];
  /** In seconds. */
  readonly expiresIn: number;
  readonly client?: string;
}

/** Longest permission: a hundred years. */
const MAX_SECONDS = 100 * 365 * 86_400;

const EXAMPLE = `
Example:
  openssl rand -hex 32 > sign-key
  runnel trickle-server --sign-key-file sign-key
  runnel trickle-url http://127.0.0.1:2939/camera --sign-key-file sign-key --rights publish`;

/** Adds the command. */
export function addTrickleUrl(program: Command, run: RunTask): Command {
  const command = program.command("trickle-url")
    .description("sign the URL of a trickle channel: who has it needs no token")
    .argument("<url>", "URL of the channel, as its clients reach it", httpUrl)
    .addOption(
      option<readonly TrickleRight[]>("--rights <list>", "read, publish, or read,publish", {
        env: "RUNNEL_TRICKLE_URL_RIGHTS",
        parse: rights,
      }).default(["read"], "read"),
    )
    .addOption(option("--expires-in <seconds>", "how long requests may begin", {
      env: "RUNNEL_TRICKLE_URL_EXPIRES_IN",
      default: 3600,
      parse: wholeNumber(1, MAX_SECONDS),
    }))
    .addOption(
      option("--client <name>", "URLs of the same client share limits (default: the channel)", {
        env: "RUNNEL_TRICKLE_URL_CLIENT",
      }),
    );
  return addSignKeyOption(command)
    .addHelpText("after", EXAMPLE)
    .action((url: string, flags: TrickleUrlFlags) =>
      run(flags, (context) => Promise.resolve(sign(url, flags, context)))
    );
}

function sign(url: string, flags: TrickleUrlFlags, context: CommandContext): ExitCode {
  const { signKeyFile, rights, expiresIn, client } = flags;
  if (!signKeyFile) {
    throw new ConfigError(
      "CONFIG_INVALID",
      "Cannot sign without a key: name its file with --sign-key-file",
    );
  }
  const signed = signChannelUrl(url, {
    key: readSignKeys(signKeyFile)[0],
    rights,
    expiresAt: new Date(Date.now() + expiresIn * 1000),
    ...(client === undefined ? {} : { client }),
  });
  context.print(`${signed}\n`);
  return EXIT.ok;
}

function rights(text: string): readonly TrickleRight[] {
  const parsed = parseRights(text);
  if (parsed !== undefined) return parsed;
  throw new InvalidArgumentError("Use read, publish, or read,publish.");
}

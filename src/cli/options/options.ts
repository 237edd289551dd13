/**
 * Options that several commands share, and the checks of their values.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { resolveTls, type TlsOptions } from "../../trickle/mod.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../output/logging.ts";
import type { Size } from "../../media/rect.ts";

/** One option with an environment variable, for {@linkcode Command.addOption}. */
export interface OptionSpec<T> {
  /** Environment variable that sets it. */
  readonly env: string;
  readonly default?: T;
  /** Turns the text into a value; throws `InvalidArgumentError`. */
  readonly parse?: (text: string) => T;
  readonly choices?: readonly string[];
}

/** Creates an option; help shows its default and its environment variable. */
export function option<T = string>(
  flags: string,
  description: string,
  spec: OptionSpec<T>,
): Option {
  const created = new Option(flags, description).env(spec.env);
  if (spec.parse !== undefined) created.argParser(spec.parse);
  if (spec.choices !== undefined) created.choices(spec.choices);
  if (spec.default !== undefined) created.default(spec.default);
  return created;
}

/** Adds `--log-level` and `--log-format`. */
export function addLogOptions(command: Command): Command {
  return command
    .addOption(option("--log-level <level>", "least level of log lines", {
      env: "RUNNEL_LOG_LEVEL",
      default: "info",
      choices: LOG_LEVELS,
    }))
    .addOption(option("--log-format <format>", "format of log lines on standard error", {
      env: "RUNNEL_LOG_FORMAT",
      default: "text",
      choices: LOG_FORMATS,
    }));
}

/** What {@linkcode addTlsOptions} adds, as the command's action gets it. */
export interface TlsFlags {
  readonly tls: string;
  readonly tlsCa?: string;
  readonly tlsPin?: string;
  readonly tlsInsecureHosts?: string;
}

/** Adds `--tls` and its like: how the certificates of trickle servers and orchestrators are checked. */
export function addTlsOptions(command: Command): Command {
  return command
    .addOption(option("--tls <mode>", "check certificates of trickle servers, or do not", {
      env: "TRICKLE_TLS",
      default: "system",
      choices: ["system", "insecure"],
    }))
    .addOption(option("--tls-ca <file>", "PEM file of authorities to trust beside the system's", {
      env: "TRICKLE_TLS_CA",
    }))
    .addOption(option("--tls-pin <sha256>", "take only certificates of this SHA-256 (a,b,…)", {
      env: "TRICKLE_TLS_PIN",
    }))
    .addOption(
      option("--tls-insecure-hosts <hosts>", "check no certificates of these (a,b:8935,…)", {
        env: "TRICKLE_TLS_INSECURE_HOSTS",
      }),
    );
}

/** What the TLS options ask for. Throws a `ConfigError` as {@linkcode resolveTls} does. */
export function tlsOf(flags: TlsFlags): TlsOptions {
  const { tls: mode, tlsCa: ca, tlsPin: pins, tlsInsecureHosts: insecureHosts } = flags;
  return resolveTls({ mode, ca, pins, insecureHosts });
}

/** Checks a whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`);
  };
}

/** Checks a number above zero, which may have a fraction. */
export function positiveNumber(text: string): number {
  const value = /^\d+(\.\d+)?$|^\.\d+$/.test(text) ? Number(text) : NaN;
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Use a number above 0.");
}

/** Checks a port; 0 takes a free one. */
export const port: (text: string) => number = wholeNumber(0, 65_535);

/** Largest side of `--size` in pixels. */
const MAX_SIDE = 7680;

/** Checks a size such as `640x360`: even numbers, as 4:2:0 video needs. */
export function size(text: string): Size {
  const match = /^(\d{1,4})x(\d{1,4})$/.exec(text);
  const [width, height] = [Number(match?.[1]), Number(match?.[2])];
  const usable = (side: number): boolean => side >= 16 && side <= MAX_SIDE && side % 2 === 0;
  if (usable(width) && usable(height)) return { width, height };
  throw new InvalidArgumentError(
    `Use WIDTHxHEIGHT in even numbers from 16 to ${MAX_SIDE}, such as 640x360.`,
  );
}

/** Checks an absolute http or https URL. */
export function httpUrl(text: string): string {
  const protocol = URL.parse(text)?.protocol;
  if (protocol === "http:" || protocol === "https:") return text;
  throw new InvalidArgumentError("Use an absolute URL, such as http://127.0.0.1:2939/camera.");
}

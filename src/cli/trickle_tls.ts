/**
 * HTTPS of `trickle-server`: options, and the files that they name.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Command } from "commander";
import { ConfigError, describeError } from "../base/mod.ts";
import { readSecretFile } from "../base/secret_file.ts";
import type { TrickleListenOptions } from "../trickle/mod.ts";
import { option } from "./options.ts";

/** Values of the options that {@linkcode addServerTlsOptions} adds. */
export interface ServerTlsFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Adds `--tls-cert` and `--tls-key`. */
export function addServerTlsOptions(command: Command): Command {
  return command
    .addOption(option("--tls-cert <file>", "PEM file of the certificate chain: serves HTTPS", {
      env: "RUNNEL_TRICKLE_TLS_CERT",
    }))
    .addOption(option("--tls-key <file>", "PEM file of the certificate's private key", {
      env: "RUNNEL_TRICKLE_TLS_KEY",
    }));
}

/**
 * What the files hold; undefined: HTTP. Throws a `ConfigError` for one without the other, and for what is no
 * certificate or not its key.
 */
export function serverTlsOf({ tlsCert, tlsKey }: ServerTlsFlags): TrickleListenOptions["tls"] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const [given, missing] = tlsKey === undefined
      ? ["--tls-cert", "--tls-key"]
      : ["--tls-key", "--tls-cert"];
    throw new ConfigError("CONFIG_INVALID", `Cannot use ${given} without ${missing}: give both`);
  }
  const cert = readSecretFile(tlsCert, "--tls-cert");
  const key = readSecretFile(tlsKey, "--tls-key");
  const certificate = usable(() => new X509Certificate(cert), tlsCert, "--tls-cert");
  const privateKey = usable(() => createPrivateKey(key), tlsKey, "--tls-key");
  if (certificate.checkPrivateKey(privateKey)) return { cert: `${cert}\n`, key: `${key}\n` };
  throw unusable(tlsKey, "--tls-key", "it is not the key of the certificate");
}

function usable<T>(parse: () => T, path: string, name: string): T {
  try {
    return parse();
  } catch (cause) {
    throw unusable(path, name, describeError(cause), cause);
  }
}

function unusable(path: string, name: string, reason: string, cause?: unknown): ConfigError {
  return new ConfigError("CONFIG_INVALID", `Cannot use the file ${path} of ${name}: ${reason}`, {
    cause,
    context: { path },
  });
}

/**
 * What a client demands of a server's certificate: LIVEPEER.md section 1.
 *
 * @module
 */

import { ConfigError, roomLogger } from "../../base/mod.ts";

const log = roomLogger("trickle");

/** What a client demands of a server's certificate. */
export type TlsOptions =
  /** That one of the system's authorities vouches for it. */
  | { readonly mode: "system" }
  /** That one of these PEM certificates does, or one of the system's. */
  | { readonly mode: "caCerts"; readonly caCerts: readonly string[] }
  /** Nothing: for the self-signed certificates that orchestrators usually have. */
  | { readonly mode: "insecure" };

/** Where {@linkcode tlsFromEnvironment} looks. */
export interface TlsEnvironmentOptions {
  /** Reads a variable. @default {Deno.env.get} */
  readonly get?: (name: string) => string | undefined;
}

let warned = false;

/**
 * The TLS option that `TRICKLE_TLS` asks for: `system` (or unset) or `insecure`, which is logged
 * once as a warning. Throws a `ConfigError` for anything else.
 */
export function tlsFromEnvironment(options: TlsEnvironmentOptions = {}): TlsOptions {
  const get = options.get ?? ((name: string) => Deno.env.get(name));
  const value = get("TRICKLE_TLS") ?? "";
  if (value === "" || value === "system") return { mode: "system" };
  if (value !== "insecure") {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot use TRICKLE_TLS=${value}: set it to "system" or "insecure", or leave it out`,
    );
  }
  warnOnce();
  return { mode: "insecure" };
}

function warnOnce(): void {
  if (warned) return;
  warned = true;
  log.warn(
    "TRICKLE_TLS=insecure: the certificates of trickle servers and orchestrators are not checked",
  );
}

/**
 * What a client demands of a server's certificate: LIVEPEER.md section 1.
 *
 * @module
 */

import { ConfigError, describeError, roomLogger } from "../../base/mod.ts";

const log = roomLogger("trickle");

/** What a client demands of a server's certificate. */
export type TlsOptions =
  /** That one of the system's authorities vouches for it. */
  | { readonly mode: "system" }
  /** That one of these PEM certificates does, or one of the system's. */
  | { readonly mode: "caCerts"; readonly caCerts: readonly string[] }
  /** That it is one of these, by their SHA-256 in hexadecimal, whoever vouches for it. */
  | { readonly mode: "pinned"; readonly sha256: readonly string[] }
  /**
   * Nothing: for the self-signed certificates that orchestrators usually have. With hosts (`HOST` or
   * `HOST:PORT`) only for those, and of others what `system` demands.
   */
  | { readonly mode: "insecure"; readonly hosts?: readonly string[] };

/** The settings that {@linkcode resolveTls} takes, as text. At most one of them says something. */
export interface TlsSettings {
  /** `system` or `insecure`. */
  readonly mode?: string | undefined;
  /** Path of a PEM file with certificates of authorities. */
  readonly ca?: string | undefined;
  /** SHA-256 of certificates in hexadecimal, with or without colons, separated by commas. */
  readonly pins?: string | undefined;
  /** Hosts whose certificates are not checked, separated by commas. */
  readonly insecureHosts?: string | undefined;
}

/** Where {@linkcode tlsFromEnvironment} looks. */
export interface TlsEnvironmentOptions {
  /** Reads a variable. @default {Deno.env.get} */
  readonly get?: (name: string) => string | undefined;
}

let warned = false;

/**
 * The TLS option that the environment asks for: `TRICKLE_TLS` (`system` or `insecure`), `TRICKLE_TLS_CA`,
 * `TRICKLE_TLS_PIN` or `TRICKLE_TLS_INSECURE_HOSTS`. Throws as {@linkcode resolveTls} does.
 */
export function tlsFromEnvironment(options: TlsEnvironmentOptions = {}): TlsOptions {
  const get = options.get ?? ((name: string) => Deno.env.get(name));
  return resolveTls({
    mode: get("TRICKLE_TLS"),
    ca: get("TRICKLE_TLS_CA"),
    pins: get("TRICKLE_TLS_PIN"),
    insecureHosts: get("TRICKLE_TLS_INSECURE_HOSTS"),
  });
}

/**
 * The TLS option of settings. Certificates that are not checked at all are logged once as a warning. Throws
 * a `ConfigError` for what cannot be understood or read, and for two settings at once.
 */
export function resolveTls(settings: TlsSettings): TlsOptions {
  const mode = settings.mode === undefined || settings.mode === "" ? "system" : settings.mode;
  if (mode !== "system" && mode !== "insecure") {
    throw invalid(`Cannot use the TLS mode ${mode}: set it to "system" or "insecure"`);
  }
  const { ca = "", pins = "", insecureHosts = "" } = settings;
  const given = [mode === "insecure", ca !== "", pins !== "", insecureHosts !== ""];
  if (given.filter(Boolean).length > 1) {
    throw invalid(
      "Cannot check certificates in two ways: give one of insecure, an authority, pins, or " +
        "insecure hosts",
    );
  }
  if (ca !== "") return { mode: "caCerts", caCerts: [readAuthorities(ca)] };
  if (pins !== "") return { mode: "pinned", sha256: listOf(pins).map(checkPin) };
  if (insecureHosts !== "") return { mode: "insecure", hosts: listOf(insecureHosts) };
  if (mode === "insecure") warnOnce();
  return { mode };
}

/** Whether the certificate of a URL's host is taken as it is. */
export function isUnchecked(tls: TlsOptions, url: string): boolean {
  if (tls.mode !== "insecure") return false;
  if (tls.hosts === undefined) return true;
  const { host, hostname } = new URL(url);
  return tls.hosts.some((name) => [host, hostname].includes(name.toLowerCase()));
}

/** Whether a certificate is among those that are demanded. */
export function isPinned(sha256: readonly string[], fingerprint: string | undefined): boolean {
  return fingerprint !== undefined && sha256.some((pin) => plain(pin) === plain(fingerprint));
}

function checkPin(pin: string): string {
  if (/^[0-9a-f]{64}$/.test(plain(pin))) return pin;
  throw invalid(
    `Cannot use the pin ${pin}: it is not the SHA-256 of a certificate in hexadecimal; ask openssl ` +
      "x509 -fingerprint -sha256",
  );
}

function plain(pin: string): string {
  return pin.replaceAll(":", "").toLowerCase();
}

function listOf(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

function readAuthorities(path: string): string {
  try {
    const text = Deno.readTextFileSync(path);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    const reason = describeError(error);
    throw invalid(`Cannot read the certificates of authorities in ${path}: ${reason}`, error);
  }
  throw invalid(`Cannot use ${path} as an authority: it holds no certificate in PEM form`);
}

function invalid(message: string, cause?: unknown): ConfigError {
  return new ConfigError("CONFIG_INVALID", message, { cause });
}

function warnOnce(): void {
  if (warned) return;
  warned = true;
  log.warn(
    "The certificates of trickle servers and orchestrators are not checked: TLS is insecure",
  );
}

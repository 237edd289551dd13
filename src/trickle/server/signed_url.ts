/**
 * URLs that carry their own permission: who has one may do what it says with its channel until it expires,
 * and needs no token. TRICKLE.md has no authentication (section 2), and clients need to know nothing of it: ours
 * keep the query of a channel's URL, and what others add to its end is found there.
 *
 * The signature is HMAC-SHA256 (RFC 2104) in base64url over a version, the rights, the expiry, the client and,
 * at last, the name of the channel, each on a line. It covers neither the host nor the base path, so that a
 * proxy may stand in front.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { parseRights, type TrickleRight } from "./rights.ts";

/** Begins what is signed, so that no signature of another kind is taken for one of these. */
const VERSION = "runnel-trickle-1";

/** Least length of a key: whoever has one URL can try keys on it for as long as they like. */
const MIN_KEY_LENGTH = 32;

/** Fields of the query that belong to a signature. */
const PARAMETERS = ["rights", "expires", "client", "sign"] as const;

/** Most characters of a signature's parameters. */
const MAX_PARAMETER_LENGTH = 256;

/** What a signed URL allows. */
export interface SignedUrlOptions {
  /** The server's key, of 32 characters or more. */
  readonly key: string;
  /** What may be done with the channel. */
  readonly rights: readonly TrickleRight[];
  /** When the permission ends. Requests that have begun by then go on to their end. */
  readonly expiresAt: Date;
  /** Who has the URL: the URLs and tokens of one client share its limits. @default the channel's name */
  readonly client?: string;
}

/** What a request's query says, not verified. */
interface Claim {
  readonly rights: string;
  readonly expires: string;
  readonly client: string;
  readonly sign: string;
}

/** What a signature allows, or why it does not. */
export type SignatureCheck =
  | { readonly kind: "none" }
  | { readonly kind: "wrong" }
  | { readonly kind: "expired" }
  | {
    readonly kind: "valid";
    readonly rights: readonly TrickleRight[];
    /** Whose limits count. */
    readonly client: string;
  };

/**
 * Adds a permission to the URL of a channel. Throws a `TypeError` for what is no such URL and for a key that
 * is too short, and a `RangeError` for an expiry that is no date.
 *
 * ```ts
 * import { signChannelUrl } from "@runnel/runnel/trickle";
 *
 * const url = signChannelUrl("https://trickle.example/camera", {
 *   key: "0123456789abcdef0123456789abcdef",
 *   rights: ["read"],
 *   expiresAt: new Date(Date.now() + 3_600_000),
 * });
 * console.assert(url.includes("&sign="));
 * ```
 */
export function signChannelUrl(url: string, options: SignedUrlOptions): string {
  const { key, expiresAt, client = "" } = options;
  checkSignKey(key);
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new TypeError("Cannot sign what is no http or https URL");
  }
  parsed.pathname = parsed.pathname.replace(/\/+$/, "");
  parsed.hash = "";
  const name = channelNameOf(parsed.pathname);
  const seconds = Math.floor(expiresAt.getTime() / 1000);
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new RangeError("Cannot sign a URL that expires at no date");
  }
  const rights = [...new Set(options.rights)].join(",");
  if (parseRights(rights) === undefined) {
    throw new TypeError("Cannot sign a URL without rights: give read, publish or both");
  }
  if (client.length > MAX_PARAMETER_LENGTH) {
    throw new RangeError(
      `Cannot sign for a client of more than ${MAX_PARAMETER_LENGTH} characters`,
    );
  }
  if (!client.isWellFormed()) throw new TypeError("Cannot sign for a client that is no Unicode");
  const claim = { rights, expires: String(seconds), client };
  const query = parsed.searchParams;
  for (const parameter of PARAMETERS) query.delete(parameter);
  query.set("rights", rights);
  query.set("expires", claim.expires);
  if (client !== "") query.set("client", client);
  query.set("sign", signatureOf(name, claim, key));
  return parsed.href;
}

/** Throws a `TypeError` for a key that could be guessed; it does not say which it was. */
export function checkSignKey(key: string): void {
  if (key.length >= MIN_KEY_LENGTH) return;
  throw new TypeError(
    `Cannot sign with a key of ${key.length} characters: use ${MIN_KEY_LENGTH} or more, ` +
      "such as those of: openssl rand -hex 32",
  );
}

/** Checks the signature of a request for a channel. `nowMs` is Unix time. */
export function checkSignature(
  query: URLSearchParams,
  { name, keys, nowMs }: {
    readonly name: string;
    readonly keys: readonly string[];
    readonly nowMs: number;
  },
): SignatureCheck {
  const sign = query.get("sign");
  if (sign === null) return { kind: "none" };
  // A proxy may take the last of two, where this server takes the first.
  if (PARAMETERS.some((parameter) => query.getAll(parameter).length > 1)) return { kind: "wrong" };
  const claim: Claim = {
    rights: query.get("rights") ?? "",
    expires: query.get("expires") ?? "",
    client: query.get("client") ?? "",
    sign,
  };
  if (Object.values(claim).some((value) => value.length > MAX_PARAMETER_LENGTH)) {
    return { kind: "wrong" };
  }
  if (!keys.some((key) => isSigned(name, claim, key))) return { kind: "wrong" };
  const rights = parseRights(claim.rights);
  if (rights === undefined || !/^\d{1,15}$/.test(claim.expires)) return { kind: "wrong" };
  if (nowMs >= Number(claim.expires) * 1000) return { kind: "expired" };
  // No client can be named like a channel's own one.
  const client = claim.client === "" ? `channel:${name}` : `client:${claim.client}`;
  return { kind: "valid", rights, client };
}

function isSigned(name: string, claim: Claim, key: string): boolean {
  const expected = signatureOf(name, claim, key);
  // Of the text, not of the bytes that it stands for: base64url has several texts for the same.
  const given = new TextEncoder().encode(claim.sign);
  const wanted = new TextEncoder().encode(expected);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** The parameters are quoted, so that no line break in one of them makes another. */
function signatureOf(
  name: string,
  { rights, expires, client }: Omit<Claim, "sign">,
  key: string,
): string {
  const parts = [rights, expires, client, name].map((part) => JSON.stringify(part));
  return createHmac("sha256", key).update([VERSION, ...parts].join("\n")).digest("base64url");
}

function channelNameOf(pathname: string): string {
  try {
    const name = decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
    if (name !== "") return name;
  } catch {
    // A stray "%": no server has such a channel.
  }
  throw new TypeError("Cannot sign a URL that names no channel");
}

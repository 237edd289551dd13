/**
 * Who may do what with which channel: tokens and signed URLs.
 *
 * A server without either is open. One with either answers 401 to a request without a permission and to an
 * unknown token, and 403 to one whose permission is for something else or has expired; before it looks whether
 * the channel exists, so that nobody learns that without a right.
 *
 * @module
 */

import { createHmac, randomBytes } from "node:crypto";
import { isReservedName } from "./channel_registry.ts";
import type { TrickleRight } from "./rights.ts";
import { checkSignature, checkSignKey } from "./signed_url.ts";

/** What the owner of a token may do. Several grants may have the same token: their rights add up. */
export interface TrickleGrant {
  /**
   * What a request carries as `Authorization: Bearer`, or as the password of `Authorization: Basic`: our
   * clients send the user name and password of a URL so. Printable ASCII without spaces.
   */
  readonly token: string;
  /** What it may do. */
  readonly rights: readonly TrickleRight[];
  /** Names of the channels, whole and not percent-encoded. */
  readonly channels?: readonly string[];
  /**
   * Beginnings of names: `cam-` opens `cam-1`, and neither `cam` nor `camera`. "" opens every channel.
   * @default {[]} where `channels` are given, else [""]
   */
  readonly prefixes?: readonly string[];
  /**
   * Who has the token: the tokens and signed URLs of one client share its limits.
   * @default a client of its own for each token
   */
  readonly client?: string;
}

/** How access is given. */
export interface AccessOptions {
  readonly grants: readonly TrickleGrant[];
  /** Each verifies signed URLs. */
  readonly signKeys: readonly string[];
  /** Unix time in milliseconds. */
  readonly unixTime: () => number;
}

/** What a request wants to do with a channel. */
export interface Wish {
  readonly name: string;
  /** One of them is enough. */
  readonly anyOf: readonly TrickleRight[];
  /** May hold a signature. */
  readonly query: URLSearchParams;
}

/** The answer to a {@linkcode Wish}. */
export type Admission =
  | { readonly kind: "admitted"; readonly client: string }
  | {
    readonly kind: "refused";
    readonly status: 401 | 403;
    /** Continues "Cannot POST /path: ". */
    readonly reason: string;
  };

/**
 * Makes the digests of tokens. It is random, so that the time of a look-up tells nothing of a token, and the same
 * for all guards, so that a client stays the same where its server gets another guard.
 */
const DIGEST_KEY = randomBytes(32);

/** What the grants of one token come to. */
interface Holder {
  readonly client: string;
  readonly grants: TrickleGrant[];
}

/** Decides which requests are allowed. */
export class AccessGuard {
  readonly #options: AccessOptions;
  /** By the digest of their tokens. */
  readonly #holders = new Map<string, Holder>();

  /** Keeps digests of the tokens. Throws a `TypeError` for a grant or a key that cannot be used. */
  constructor(options: AccessOptions) {
    this.#options = options;
    for (const key of options.signKeys) checkSignKey(key);
    options.grants.forEach((grant, index) => this.#add(grant, index));
  }

  /** Whether a request with these headers may have its wish. */
  admit(headers: Headers, wish: Wish): Admission {
    const { signKeys, unixTime } = this.#options;
    const tokens = tokensOf(headers);
    const holder = this.#holderOf(tokens);
    if (holder?.grants.some((grant) => allows(grant, wish))) {
      return { kind: "admitted", client: holder.client };
    }
    const { name, query } = wish;
    const signature = checkSignature(query, { name, keys: signKeys, nowMs: unixTime() });
    switch (signature.kind) {
      case "valid":
        return overlaps(signature.rights, wish.anyOf)
          ? { kind: "admitted", client: signature.client }
          : refused(403, "the signed URL does not allow it");
      case "expired":
        return refused(403, "the signed URL has expired");
      case "wrong":
        return refused(403, "the signature is not one for this channel");
      case "none":
        break;
    }
    if (holder !== undefined) return refused(403, "the token does not allow it");
    return refused(
      401,
      `a token is needed and ${tokens.length === 0 ? "none" : "a wrong one"} was sent`,
    );
  }

  #add(grant: TrickleGrant, index: number): void {
    const { token, rights, client } = grant;
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new TypeError(
        `Cannot use the token of grant ${index}: use printable ASCII characters without spaces`,
      );
    }
    if (rights.length === 0) throw new TypeError(`Cannot use grant ${index}: it has no rights`);
    const digest = digestOf(token);
    const id = client === undefined ? `token:${digest}` : `client:${client}`;
    const holder = this.#holders.get(digest) ?? { client: id, grants: [] };
    if (holder.client !== id) {
      throw new TypeError(
        `Cannot use grant ${index}: its token has another client in another grant`,
      );
    }
    holder.grants.push(grant);
    this.#holders.set(digest, holder);
  }

  #holderOf(tokens: readonly string[]): Holder | undefined {
    for (const token of tokens) {
      const holder = this.#holders.get(digestOf(token));
      if (holder !== undefined) return holder;
    }
    return undefined;
  }
}

function digestOf(token: string): string {
  return createHmac("sha256", DIGEST_KEY).update(token).digest("base64");
}

/** The server's own channels are for those who may read all: `_changes` names every channel. */
function allows({ rights, channels, prefixes }: TrickleGrant, { name, anyOf }: Wish): boolean {
  if (!overlaps(rights, anyOf)) return false;
  const beginnings = prefixes ?? (channels === undefined ? [""] : []);
  if (isReservedName(name)) return rights.includes("read") && beginnings.includes("");
  return channels?.includes(name) === true || beginnings.some((start) => name.startsWith(start));
}

function overlaps(rights: readonly TrickleRight[], anyOf: readonly TrickleRight[]): boolean {
  return rights.some((right) => anyOf.includes(right));
}

function refused(status: 401 | 403, reason: string): Admission {
  return { kind: "refused", status, reason };
}

/**
 * What may be the token of a request: that of RFC 6750, or of RFC 7617 the password, or the user name where that
 * is all. A token may hold colons, the first of which ends a user name.
 */
function tokensOf(headers: Headers): string[] {
  const authorization = headers.get("authorization") ?? "";
  const [, scheme = "", value = ""] = /^(bearer|basic) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== "basic") return value === "" ? [] : [value];
  try {
    const pair = new TextDecoder().decode(Uint8Array.fromBase64(value));
    const colon = pair.indexOf(":");
    const password = colon < 0 ? "" : pair.slice(colon + 1);
    const user = pair.replace(/:$/, "");
    return [password, ...colon < 0 || pair.endsWith(":") ? [user] : []].filter((each) =>
      each !== ""
    );
  } catch {
    return []; // no base64
  }
}

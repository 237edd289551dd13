/**
 * Requests over plain HTTP to the very addresses that were checked: a name may mean another one by the
 * time `fetch` looks it up again (DNS rebinding).
 *
 * @module
 */

import { isIP } from "node:net";
import { variable } from "../environment.ts";
import { isAddress } from "../url_policy.ts";

/** Variables that name a proxy for plain HTTP, which then decides where requests lead. */
export const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] as const;

/** How {@linkcode boundFetch} asks. */
export interface BoundFetchOptions extends RequestInit {
  /** Addresses of the URL's host that may be asked, the best first. */
  readonly addresses: readonly string[];
  /** Owns the connections. They must be open until the body was read. */
  readonly owner: DisposableStack;
}

/**
 * Asks as `fetch` does, at one address after the other until one can be reached. It is plain `fetch` for
 * URLs that name an address, for https (a certificate proves there who answers), where there is a proxy,
 * and where the permissions of Deno are for names only. Rejects as `fetch` does.
 */
export async function boundFetch(
  url: URL,
  { addresses, owner, ...init }: BoundFetchOptions,
): Promise<Response> {
  const port = Number(url.port || 80);
  const isFree = url.protocol !== "http:" || isAddress(url) || addresses.length === 0 ||
    PROXY_VARIABLES.some((name) => variable(name)) ||
    !addresses.every((address) => mayConnect(address, port));
  if (isFree) return await fetch(url, init);
  for (let at = 0;; at++) {
    const hostname = addresses[at]!;
    const client = owner.use(
      Deno.createHttpClient({ proxy: { transport: "tcp", hostname, port } }),
    );
    try {
      return await fetch(url, { ...init, client });
    } catch (error) {
      if (!(error instanceof TypeError) || at === addresses.length - 1) throw error;
    }
  }
}

function mayConnect(address: string, port: number): boolean {
  const host = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}

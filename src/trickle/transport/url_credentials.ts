/**
 * The user name, password and query of a channel's URL, and a token beside it, kept where nobody writes them
 * down: a URL gets into messages and logs, and a query may be a signature. The query of a request is in the
 * traces that Deno makes of it all the same.
 *
 * @module
 */

import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** A channel whose URL may be shown to anybody. */
export interface ChannelAddress {
  /** Without a user name, a password, a query, a fragment, and a slash at its end. */
  readonly url: string;
  /**
   * Sends the user name and password with each request as `Authorization: Basic` (RFC 7617), or a token as
   * `Bearer` (RFC 6750), and adds the query.
   */
  readonly transport: Transport;
}

/** What a client has to say who it is, beside the URL of its channel. */
export interface ClientCredentials {
  /** Counts before a user name and a password of the URL. */
  readonly token: string | undefined;
}

/** Throws a `TypeError` for a token that no header can hold; it does not show it. */
export function checkToken(token: string | undefined): void {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return;
  throw new TypeError("Cannot send the token: use printable ASCII characters without spaces");
}

/**
 * Takes out of a channel's URL what the requests must carry and nobody should read. Its fragment is
 * dropped. One that is no URL stays as it is, for the request to fail.
 */
export function separateCredentials(
  url: string,
  transport: Transport,
  { token }: ClientCredentials,
): ChannelAddress {
  const parsed = URL.parse(url);
  if (parsed === null) return { url: trimmed(url), transport };
  const { username, password, search } = parsed;
  const hasUser = username !== "" || password !== "";
  if (!hasUser && token === undefined && !/[?#]/.test(url)) {
    return { url: trimmed(url), transport };
  }
  parsed.username =
    parsed.password =
    parsed.search =
    parsed.hash =
      "";
  const authorization = token !== undefined
    ? `Bearer ${token}`
    : hasUser
    ? basicOf(username, password)
    : undefined;
  const headers = authorization === undefined ? {} : { Authorization: authorization };
  return {
    url: trimmed(parsed.href),
    transport: new AuthorizedTransport(transport, { headers, search }),
  };
}

function basicOf(username: string, password: string): string {
  const pair = new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`);
  return `Basic ${pair.toBase64()}`;
}

/** Some callers leave a slash at the end of a channel's URL. */
function trimmed(url: string): string {
  return url.replace(/\/+$/, "");
}

class AuthorizedTransport implements Transport {
  readonly #transport: Transport;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #search: string;

  constructor(
    transport: Transport,
    { headers, search }: {
      readonly headers: Readonly<Record<string, string>>;
      readonly search: string;
    },
  ) {
    this.#transport = transport;
    this.#headers = headers;
    this.#search = search;
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const headers = { ...this.#headers, ...request.headers };
    try {
      return await this.#transport.request({
        ...request,
        url: request.url + this.#search,
        headers,
      });
    } catch (error) {
      if (this.#search !== "") hideIn(error, this.#search);
      throw error;
    }
  }

  renew(): void {
    this.#transport.renew();
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}

/** Takes a secret out of an error that nobody else has, and out of its causes: those of `fetch` name the URL. */
function hideIn(error: unknown, secret: string): void {
  for (let each = error; each instanceof Error; each = each.cause) {
    // Those of an abort cannot be changed, and need not be.
    if (each.message.includes(secret)) each.message = each.message.replaceAll(secret, "");
    if (each.stack?.includes(secret) === true) each.stack = each.stack.replaceAll(secret, "");
  }
}

/** A URL may hold a `%` that begins no escape, and escapes that are no UTF-8: they stay. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

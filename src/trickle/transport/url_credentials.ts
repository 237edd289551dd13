/**
 * The user name, password and query of a channel's URL, kept where nobody writes them down: a URL gets into
 * messages, logs and the traces that Deno makes of every request, and a query may be a signature.
 *
 * @module
 */

import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** A channel whose URL may be shown to anybody. */
export interface ChannelAddress {
  /** Without a user name, a password, a query, a fragment, and a slash at its end. */
  readonly url: string;
  /** Sends the former with each request, as `Authorization: Basic` (RFC 7617), and adds the query. */
  readonly transport: Transport;
}

/**
 * Takes out of a channel's URL what the requests must carry and nobody should read. Its fragment is
 * dropped. One that is no URL stays as it is, for the request to fail.
 */
export function separateCredentials(url: string, transport: Transport): ChannelAddress {
  const parsed = URL.parse(url);
  if (parsed === null) return { url: trimmed(url), transport };
  const { username, password, search } = parsed;
  const hasUser = username !== "" || password !== "";
  if (!hasUser && !/[?#]/.test(url)) return { url: trimmed(url), transport };
  const pair = new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`);
  parsed.username =
    parsed.password =
    parsed.search =
    parsed.hash =
      "";
  const headers = hasUser ? { Authorization: `Basic ${pair.toBase64()}` } : {};
  return {
    url: trimmed(parsed.href),
    transport: new AuthorizedTransport(transport, { headers, search }),
  };
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

  request(request: TransportRequest): Promise<TransportResponse> {
    const headers = { ...this.#headers, ...request.headers };
    return this.#transport.request({ ...request, url: request.url + this.#search, headers });
  }

  renew(): void {
    this.#transport.renew();
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
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

/**
 * The user name and password of a channel's URL, kept where nobody writes them down: a URL gets into
 * messages, logs and the traces that Deno makes of every request.
 *
 * @module
 */

import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** A channel whose URL may be shown to anybody. */
export interface ChannelAddress {
  /** Without a user name and a password. */
  readonly url: string;
  /** Sends them with each request, as `Authorization: Basic` (RFC 7617). */
  readonly transport: Transport;
}

/** Takes the credentials out of a URL. One that is no URL stays as it is, for the request to fail. */
export function separateCredentials(url: string, transport: Transport): ChannelAddress {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username === "" && parsed.password === "") {
    return { url, transport };
  }
  const pair = `${decoded(parsed.username)}:${decoded(parsed.password)}`;
  parsed.username = "";
  parsed.password = "";
  const authorization = `Basic ${new TextEncoder().encode(pair).toBase64()}`;
  return {
    url: parsed.href.replace(/\/+$/, ""),
    transport: new AuthorizedTransport(transport, authorization),
  };
}

class AuthorizedTransport implements Transport {
  readonly #transport: Transport;
  readonly #authorization: string;

  constructor(transport: Transport, authorization: string) {
    this.#transport = transport;
    this.#authorization = authorization;
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    const headers = { Authorization: this.#authorization, ...request.headers };
    return this.#transport.request({ ...request, headers });
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

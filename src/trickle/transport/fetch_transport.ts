/**
 * The usual transport: `fetch` with an HTTP client of its own.
 *
 * @module
 */

import type { TlsOptions } from "./tls.ts";
import {
  NotConnectedError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

/** Sends requests with `fetch`. */
export class FetchTransport implements Transport {
  readonly #caCerts: string[];
  #client: Deno.HttpClient;

  /** Creates a transport; connections are opened as requests need them. */
  constructor(tls: Extract<TlsOptions, { mode: "system" | "caCerts" }>) {
    this.#caCerts = tls.mode === "caCerts" ? [...tls.caCerts] : [];
    this.#client = this.#createClient();
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const sent = fetch(request.url, {
      method: request.method,
      // No content-coding: whatever compresses also buffers (TRICKLE.md section 2).
      headers: { "Accept-Encoding": "identity", ...request.headers },
      signal: request.signal,
      client: this.#client,
      redirect: "manual",
      ...(request.body === undefined ? {} : { body: request.body, duplex: "half" }),
    });
    try {
      return await sent;
    } catch (error) {
      throw isConnectError(error) ? new NotConnectedError(error) : error;
    }
  }

  renew(): void {
    this.#client.close();
    this.#client = this.#createClient();
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** HTTP/1.1 only: a request then shares its fate, and its flow control, with no other. */
  #createClient(): Deno.HttpClient {
    return Deno.createHttpClient({
      caCerts: this.#caCerts,
      http1: true,
      http2: false,
    });
  }
}

/** Deno tells the failures apart only in the text of the cause. */
function isConnectError(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message.includes("client error (Connect)");
}

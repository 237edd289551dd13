/**
 * The usual transport: `fetch` with an HTTP client of its own.
 *
 * @module
 */

import type { TlsOptions } from "./tls.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** Sends requests with `fetch`. */
export class FetchTransport implements Transport {
  readonly #caCerts: string[];
  #client: Deno.HttpClient;

  /** Creates a transport; connections are opened as requests need them. */
  constructor(tls: Exclude<TlsOptions, { mode: "insecure" }>) {
    this.#caCerts = tls.mode === "caCerts" ? [...tls.caCerts] : [];
    this.#client = this.#createClient();
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    return await fetch(request.url, {
      method: request.method,
      // No content-coding: whatever compresses also buffers (TRICKLE.md section 2).
      headers: { "Accept-Encoding": "identity", ...request.headers },
      signal: request.signal,
      client: this.#client,
      redirect: "manual",
      ...(request.body === undefined ? {} : { body: request.body, duplex: "half" }),
    });
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
    return Deno.createHttpClient({ caCerts: this.#caCerts, http1: true, http2: false });
  }
}

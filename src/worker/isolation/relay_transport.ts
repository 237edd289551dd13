/**
 * The other end of a {@linkcode Relay}: how the process of a stream reaches its channels.
 *
 * @module
 */

import {
  createTransport,
  NotConnectedError,
  type Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from "../../session/mod.ts";
import { RELAY_HEADERS, type RelayAddress, type RelayOutcome } from "./relay.ts";

/** Sends requests to the server, which sends them on. */
export class RelayTransport implements Transport {
  readonly #address: RelayAddress;
  readonly #inner: Transport;
  #wantsFresh = false;

  /** For one publisher or subscriber. */
  constructor(address: RelayAddress, options: TransportOptions) {
    this.#address = address;
    this.#inner = createTransport({ mode: "system" }, options);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { url, token } = this.#address;
    const fresh = this.#wantsFresh ? { [RELAY_HEADERS.renew]: "1" } : {};
    this.#wantsFresh = false;
    const response = await this.#inner.request({
      ...request,
      url,
      headers: {
        ...request.headers,
        ...fresh,
        [RELAY_HEADERS.token]: token,
        [RELAY_HEADERS.url]: request.url,
      },
    });
    const outcome = response.headers.get(RELAY_HEADERS.outcome) as RelayOutcome | null;
    if (outcome === "answered") return response;
    const reason = await new Response(response.body).text();
    if (outcome === "not-connected") throw new NotConnectedError(new Error(reason));
    throw new Error(`Cannot send a request to ${request.url}: ${reason}`);
  }

  renew(): void {
    this.#wantsFresh = true;
    this.#inner.renew();
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }
}

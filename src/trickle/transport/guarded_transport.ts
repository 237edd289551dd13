/**
 * The usual transport where requests may not lead everywhere.
 *
 * What a name means may change between a check and the connection (DNS rebinding), and `fetch` does not
 * tell where it connected to. So names are left to it where a certificate that was checked proves who
 * answers (https), and all others to `node:http`, which looks at the address of its connection before it
 * sends a byte.
 *
 * @module
 */

import { hostOf, isAddress, type UrlPolicy } from "../../base/mod.ts";
import { FetchTransport } from "./fetch_transport.ts";
import { NodeTransport } from "./node_transport.ts";
import type { TlsOptions } from "./tls.ts";
import {
  NotConnectedError,
  RefusedAddressError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

/** Sends requests with `fetch` as far as it can be held to a policy. */
export class GuardedTransport implements Transport {
  readonly #urls: UrlPolicy;
  readonly #fetch: FetchTransport;
  readonly #node: NodeTransport;

  /** Creates a transport; connections are opened as requests need them. */
  constructor(tls: Extract<TlsOptions, { mode: "system" | "caCerts" }>, urls: UrlPolicy) {
    this.#urls = urls;
    this.#fetch = new FetchTransport(tls);
    this.#node = new NodeTransport(tls, urls);
  }

  async request(request: TransportRequest): Promise<TransportResponse> {
    const { url } = request;
    if (isAddress(url)) {
      if (this.#urls.allowsAt(url, hostOf(url))) return await this.#fetch.request(request);
    } else if (!url.startsWith("https:")) {
      return await this.#node.request(request);
    } else if (await this.#urls.allows(url)) {
      return await this.#fetch.request(request);
    }
    throw new NotConnectedError(new RefusedAddressError(url, hostOf(url)));
  }

  renew(): void {
    this.#fetch.renew();
  }

  [Symbol.dispose](): void {
    this.#fetch[Symbol.dispose]();
    this.#node[Symbol.dispose]();
  }
}

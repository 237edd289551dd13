/**
 * Which transport a TLS option needs.
 *
 * @module
 */

import { FetchTransport } from "./fetch_transport.ts";
import { NodeTransport } from "./node_transport.ts";
import type { TlsOptions } from "./tls.ts";
import type { Transport, TransportOptions } from "./transport.ts";

/** Creates a transport of its own for one publisher or subscriber. */
export function createTransport(
  tls: TlsOptions = { mode: "system" },
  options: TransportOptions = {},
): Transport {
  return tls.mode === "system" || tls.mode === "caCerts"
    ? options.uploads === true ? new NodeTransport(tls) : new FetchTransport(tls)
    : new NodeTransport(tls);
}

/**
 * Which transport a TLS option needs.
 *
 * @module
 */

import { FetchTransport } from "./fetch_transport.ts";
import { GuardedTransport } from "./guarded_transport.ts";
import { NodeTransport } from "./node_transport.ts";
import type { TlsOptions } from "./tls.ts";
import type { Transport, TransportOptions } from "./transport.ts";

/** Creates a transport of its own for one publisher or subscriber. */
export function createTransport(
  tls: TlsOptions = { mode: "system" },
  { uploads = false, urls }: TransportOptions = {},
): Transport {
  if (uploads || tls.mode !== "system" && tls.mode !== "caCerts") {
    return new NodeTransport(tls, urls);
  }
  return urls === undefined ? new FetchTransport(tls) : new GuardedTransport(tls, urls);
}

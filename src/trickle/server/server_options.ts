/**
 * What a trickle server can be told, and what it tells.
 *
 * @module
 */

import type { ConnectionLimits } from "../../base/net/connection_limits.ts";
import type { PortPatience } from "../../base/net/http_port.ts";
import type { Clock } from "../clock.ts";
import type { TrickleGrant } from "./access/access.ts";
import type { TrickleLimits } from "./limits.ts";

/** Who may use the channels of a `TrickleServer`. */
export interface TrickleAccess {
  /**
   * Who may do what with which channels. With a grant or a key, requests without a permission are refused;
   * those of the program itself are not asked (`TrickleServer.publisher` and `subscriber`).
   * @default everybody everything
   */
  readonly grants?: readonly TrickleGrant[];
  /** Keys of which each verifies the URLs that `signChannelUrl` signed with it. @default {[]} */
  readonly signKeys?: readonly string[];
}

/** Options of a `TrickleServer`. */
export interface TrickleServerOptions extends TrickleAccess {
  /** Whether a POST creates a channel that does not exist. @default {true} */
  readonly autocreate?: boolean;
  /** Path that the channels are below. @default {"/"} */
  readonly basePath?: string;
  /** Whether `_changes` announces channels that come and go. @default {false} */
  readonly changeFeed?: boolean;
  /** Channels without a write for longer are closed, in milliseconds. @default {300000} */
  readonly idleTimeoutMs?: number;
  /** How often that is looked at, in milliseconds. @default {60000} */
  readonly sweepIntervalMs?: number;
  /**
   * Origins of web pages that may publish, create and delete, beside those of the server itself; "*" for all.
   * @default {[]}
   */
  readonly allowOrigins?: "*" | readonly string[];
  /**
   * Host names that pages of the server are loaded from: addresses, names without a dot and private ones
   * (`.local`, `.internal`) need not be named. @default {[]}
   */
  readonly allowHosts?: readonly string[];
  /** Unix time in milliseconds, for the expiry of signed URLs. @default {Date.now} */
  readonly unixTime?: () => number;
  /** What the server may hold. @default {DEFAULT_TRICKLE_LIMITS} */
  readonly limits?: Partial<TrickleLimits>;
  /** Where the time comes from. @default {systemClock} */
  readonly clock?: Clock;
}

/** Where a `TrickleServer` listens. */
export interface TrickleListenOptions {
  /** Address to bind. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** Port; 0 takes a free one. @default {0} */
  readonly port?: number;
  /** Certificate chain and private key, both PEM: serves HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /**
   * Limits of the connections: their number, and how long one may say nothing. They cost a copy of every
   * byte, which at 100 subscribers is a third of the throughput. @default none
   */
  readonly connectionLimits?: Partial<ConnectionLimits> | undefined;
  /** How long the port is tried to be opened again after its accept loop failed. */
  readonly patience?: PortPatience | undefined;
}

/** Figures of a `TrickleServer`. */
export interface TrickleServerStats {
  /** Channels that exist. */
  readonly channels: number;
  /** Memory that segments hold, in bytes. */
  readonly heldBytes: number;
  /** Requests begun so far. */
  readonly requests: number;
  /** Bytes that publishers sent so far. */
  readonly receivedBytes: number;
  /** Readers cut so far because they were too slow for the memory limits. */
  readonly cutReaders: number;
}

/** What is known of who sent a request: `Deno.serve` gives its handler such a thing. */
export interface RequestSender {
  /** Where the connection came from. */
  readonly remoteAddr: Deno.Addr;
}

/**
 * What a publisher can be told, and what it tells.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { createTransport } from "../transport/create_transport.ts";
import type { TlsOptions } from "../transport/tls.ts";
import type { Transport } from "../transport/transport.ts";
import { checkToken } from "../transport/url_credentials.ts";

/**
 * Where to begin (TRICKLE.md section 7.2): where the channel stands, closing what an earlier
 * publisher left open; with `POST -1`; or with an index.
 */
export type PublisherStart = "resume" | "next" | number;

/** Options of a `TricklePublisher`. */
export interface TricklePublisherOptions {
  /** Media type of the channel. @default {"video/MP2T"} */
  readonly contentType?: string;
  /** Where to begin. @default {"resume"} */
  readonly start?: PublisherStart;
  /**
   * Whether a channel that does not exist is created by the first segment, at 0. @default {false}
   */
  readonly autocreate?: boolean;
  /** Whether `close` deletes the channel. @default {true} */
  readonly ownsChannel?: boolean;
  /** Unsent bytes of a segment above which `write` waits. @default {1048576} */
  readonly maxQueuedBytes?: number;
  /** How long nothing of what was written may be sent before the segment fails. @default {5000} */
  readonly stallTimeoutMs?: number;
  /** How long the answer to a whole segment may take. @default {30000} */
  readonly answerTimeoutMs?: number;
  /** How long `close` may take. @default {5000} */
  readonly closeTimeoutMs?: number;
  /** An idle preconnected request is made anew after this; 0: never. @default {45000} */
  readonly preconnectRefreshMs?: number;
  /** Failures in a row after which the publisher gives up, once `reconnectMs` have passed. @default {3} */
  readonly maxFailures?: number;
  /**
   * How long, in milliseconds, a server may fail all segments before the publisher gives up, or have lost the
   * channel with its restart. It holds from the first segment on. @default {30000}
   */
  readonly reconnectMs?: number;
  /**
   * Sent with every request as `Authorization: Bearer`: printable ASCII without spaces.
   * @default the user name and password of the URL, as `Authorization: Basic`, where it has them
   */
  readonly token?: string | undefined;
  /** What is demanded of the server's certificate. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions;
  /** How requests are sent; the publisher disposes of it. @default {createTransport(tls)} */
  readonly transport?: Transport;
  /** Where the time comes from. @default {systemClock} */
  readonly clock?: Clock;
  /** Closes the publisher. */
  readonly signal?: AbortSignal;
}

/** Figures of a `TricklePublisher`. */
export interface PublisherStats {
  /** Segments that the server has stored. */
  readonly segments: number;
  /** Segments that failed, wholly or in part. */
  readonly failedSegments: number;
  /** Segments that the server seems to have thrown away because their index was finished. */
  readonly discardedSegments: number;
  /** Segments given up by their writer. */
  readonly abandonedSegments: number;
  /** Bytes handed to the network. */
  readonly bytes: number;
  /** Requests that broke before a byte was sent, and were made again. */
  readonly retries: number;
  /** Times that a segment moved to a later index before a byte was sent. */
  readonly moves: number;
}

/** {@linkcode PublisherStats} being counted. */
export type MutablePublisherStats = { -readonly [Key in keyof PublisherStats]: number };

/** Options with every default filled in. */
export interface PublisherSettings {
  readonly contentType: string;
  readonly start: PublisherStart;
  readonly autocreate: boolean;
  readonly ownsChannel: boolean;
  readonly maxQueuedBytes: number;
  readonly stallTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly preconnectRefreshMs: number;
  readonly maxFailures: number;
  readonly reconnectMs: number;
  readonly transport: Transport;
  readonly clock: Clock;
}

/** Fills in the defaults. Throws a `RangeError` for a start that is no index, a `TypeError` for a token. */
export function resolvePublisherOptions(options: TricklePublisherOptions): PublisherSettings {
  checkToken(options.token); // before there is a transport to close
  const start = options.start ?? "resume";
  if (typeof start === "number" && (!Number.isSafeInteger(start) || start < 0)) {
    throw new RangeError(`Cannot publish from ${start}: use a whole number of at least 0`);
  }
  return {
    contentType: options.contentType ?? "video/MP2T",
    start,
    autocreate: options.autocreate ?? false,
    ownsChannel: options.ownsChannel ?? true,
    maxQueuedBytes: options.maxQueuedBytes ?? 1024 * 1024,
    stallTimeoutMs: options.stallTimeoutMs ?? 5_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 30_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
    preconnectRefreshMs: options.preconnectRefreshMs ?? 45_000,
    maxFailures: options.maxFailures ?? 3,
    reconnectMs: options.reconnectMs ?? 30_000,
    transport: options.transport ?? createTransport(options.tls, { uploads: true }),
    clock: options.clock ?? systemClock,
  };
}

/**
 * What a subscriber can be told, and what it tells.
 *
 * @module
 */

import type { TrickleError } from "../../base/mod.ts";
import { type Clock, systemClock } from "../clock.ts";
import { INDEX_CURRENT, INDEX_NEXT } from "../protocol.ts";
import { createTransport } from "../transport/create_transport.ts";
import type { TlsOptions } from "../transport/tls.ts";
import type { Transport } from "../transport/transport.ts";
import { checkToken } from "../transport/url_credentials.ts";

/** Where to begin: with the segment being written, with the one after it, or with an index. */
export type SubscriberStart = "current" | "next" | number;

/** Options of a `TrickleSubscriber`. */
export interface TrickleSubscriberOptions {
  /** Where to begin. @default {"current"} */
  readonly start?: SubscriberStart;
  /** How long a channel that does not exist (yet) is waited for, in milliseconds. @default {0} */
  readonly waitForChannelMs?: number;
  /** The most bytes held for the reader. @default {67108864} */
  readonly maxBufferedBytes?: number;
  /** The most segments held that the reader has not begun with. @default {8} */
  readonly maxBufferedSegments?: number;
  /** A request without an answer is made anew after this, in milliseconds. @default {20000} */
  readonly refreshMs?: number;
  /** A body without a byte for this long is asked for anew, in milliseconds. @default {30000} */
  readonly bodyRefreshMs?: number;
  /** Failures in a row that are survived, however quickly they come. @default {5} */
  readonly maxRetries?: number;
  /**
   * How long the server of a channel that was there may be out of reach, answer with errors, or have lost the
   * channel with its restart, before the subscription fails, in milliseconds. @default {30000}
   */
  readonly reconnectMs?: number;
  /**
   * Sent with every request as `Authorization: Bearer`: printable ASCII without spaces.
   * @default the user name and password of the URL, as `Authorization: Basic`, where it has them
   */
  readonly token?: string | undefined;
  /** What is demanded of the server's certificate. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions;
  /** How requests are sent; the subscriber disposes of it. @default {createTransport(tls)} */
  readonly transport?: Transport;
  /** Where the time comes from. @default {systemClock} */
  readonly clock?: Clock;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

/** How a subscription ended. */
export type SubscriberOutcome =
  /** The channel ended. */
  | { readonly kind: "ended" }
  /** The channel does not exist: it never did, or it ended while nobody was asking. */
  | { readonly kind: "not-found" }
  /** It was disposed of, or its signal aborted. */
  | { readonly kind: "aborted" }
  /** The server could not be reached or made no sense; iterating throws the same error. */
  | { readonly kind: "failed"; readonly error: TrickleError };

/** Figures of a `TrickleSubscriber`. */
export interface SubscriberStats {
  /** Segments received, without empty ones. */
  readonly segments: number;
  /** Segments that were published without a byte. */
  readonly emptySegments: number;
  /** Bytes received, without those received again. */
  readonly bytes: number;
  /** Segments that were gone before they could be asked for. */
  readonly skippedSegments: number;
  /** Segments dropped because the reader was slow. */
  readonly droppedSegments: number;
  /** Segments whose rest was lost with the connection. */
  readonly truncatedSegments: number;
  /** Bodies that broke off and were continued. */
  readonly recoveredBodies: number;
  /** Requests that failed and were made again. */
  readonly retries: number;
  /** Requests made anew because no answer came for a while; no failures. */
  readonly refreshes: number;
}

/** {@linkcode SubscriberStats} being counted. */
export type MutableSubscriberStats = { -readonly [Key in keyof SubscriberStats]: number };

/** Options with every default filled in. */
export interface SubscriberSettings {
  readonly position: number;
  readonly waitForChannelMs: number;
  readonly maxBufferedBytes: number;
  readonly maxBufferedSegments: number;
  readonly refreshMs: number;
  readonly bodyRefreshMs: number;
  readonly maxRetries: number;
  readonly reconnectMs: number;
  readonly transport: Transport;
  readonly clock: Clock;
}

/** Fills in the defaults. Throws a `RangeError` for a start that is no index, a `TypeError` for a token. */
export function resolveSubscriberOptions(options: TrickleSubscriberOptions): SubscriberSettings {
  checkToken(options.token); // before there is a transport to close
  return {
    position: toPosition(options.start ?? "current"),
    waitForChannelMs: options.waitForChannelMs ?? 0,
    maxBufferedBytes: options.maxBufferedBytes ?? 64 * 1024 * 1024,
    maxBufferedSegments: options.maxBufferedSegments ?? 8,
    refreshMs: options.refreshMs ?? 20_000,
    bodyRefreshMs: options.bodyRefreshMs ?? 30_000,
    maxRetries: options.maxRetries ?? 5,
    reconnectMs: options.reconnectMs ?? 30_000,
    transport: options.transport ?? createTransport(options.tls),
    clock: options.clock ?? systemClock,
  };
}

/**
 * The index that a start means on the wire. Throws a `RangeError` for a number that is no index.
 */
export function toPosition(start: SubscriberStart): number {
  if (start === "current") return INDEX_CURRENT;
  if (start === "next") return INDEX_NEXT;
  if (Number.isSafeInteger(start) && start >= 0) return start;
  throw new RangeError(`Cannot subscribe from ${start}: use a whole number of at least 0`);
}

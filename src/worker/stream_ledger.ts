/**
 * What became of the streams of a worker: how many started, ended and were refused, and everything that
 * those counted which are over.
 *
 * @module
 */

import {
  addByName,
  addCounts,
  countersOf,
  type CountsByName,
  NO_COUNTS,
  type SessionDetails,
  type SessionEnd,
  type SessionMetrics,
  type StreamCounts,
} from "../session/mod.ts";

/** Why a stream was not started. */
export type RejectReason =
  /** The processor is being initialized. */
  | "loading"
  /** The processor could not be initialized. */
  | "failed"
  /** Every slot is taken. */
  | "capacity"
  /** The worker is too busy. */
  | "load"
  /** The server stops. */
  | "stopping"
  /** The request was wrong. */
  | "invalid"
  /** The session could not be opened. */
  | "error";

/** The figures of a {@linkcode StreamLedger}: plain data. */
export interface LedgerFigures {
  readonly started: number;
  /** By the reason of `SessionEnd`. */
  readonly ended: CountsByName;
  /** By {@linkcode RejectReason}. */
  readonly rejected: CountsByName;
  /** What all streams together counted that are over. */
  readonly past: StreamCounts;
}

/** Counts streams. Its figures never fall. */
export class StreamLedger {
  #started = 0;
  #ended: CountsByName = {
    "input-ended": 0,
    stopped: 0,
    "output-closed": 0,
    "channel-closed": 0,
    failed: 0,
  };
  #rejected: CountsByName = {
    loading: 0,
    failed: 0,
    capacity: 0,
    load: 0,
    stopping: 0,
    invalid: 0,
    error: 0,
  };
  #past: StreamCounts = NO_COUNTS;

  /** Counts a stream that was started. */
  started(): void {
    this.#started++;
  }

  /** Counts a stream that was not. */
  rejected(reason: RejectReason): void {
    this.#rejected = addByName(this.#rejected, { [reason]: 1 });
  }

  /** Takes over the last figures of a stream, at the moment at which it is not active any more. */
  ended(end: SessionEnd, metrics: SessionMetrics, details: SessionDetails): void {
    this.#ended = addByName(this.#ended, { [end.reason]: 1 });
    this.#past = addCounts(this.#past, {
      counters: countersOf(metrics),
      latency: details.latency,
    });
  }

  /** The figures now. */
  figures(): LedgerFigures {
    return {
      started: this.#started,
      ended: this.#ended,
      rejected: this.#rejected,
      past: this.#past,
    };
  }
}

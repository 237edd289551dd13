/**
 * A channel to publish on that outlives failures of the network.
 *
 * @module
 */

import { type Clock, describeError, pauseOn, systemClock, TrickleError } from "../../base/mod.ts";
import type { SegmentSink, SegmentWriter } from "../../trickle/mod.ts";

/** Waits between attempts: doubled each time, up to the longest. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Options of a {@linkcode ReopeningSink}. */
export interface ReopeningSinkOptions {
  /** Opens the channel; called again when it has failed. */
  readonly open: () => SegmentSink;
  /** Hears of the first failure of an outage. */
  readonly onLost?: (error: Error) => void;
  /** First wait between attempts, in milliseconds. @default 500 */
  readonly retryMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Publishes on a channel and opens it again when its server could not be reached for so long that the
 * publisher gave up. A channel that was closed or is gone is not opened again: it would come into being
 * anew, on a server that has ended the stream.
 */
export class ReopeningSink implements SegmentSink {
  readonly #options: ReopeningSinkOptions;
  readonly #stop = new AbortController();
  readonly #gone = Promise.withResolvers<Error>();
  #inner: SegmentSink | undefined;
  #failures = 0;

  /** Opens nothing before the first segment. */
  constructor(options: ReopeningSinkOptions) {
    this.#options = options;
  }

  /** Resolves when the channel was ended by somebody else, or is not there. */
  get gone(): Promise<Error> {
    return this.#gone.promise;
  }

  /** Connects before the first segment; rejects as {@linkcode next} does. */
  async open(): Promise<void> {
    await this.#try((inner) => inner.open?.());
  }

  /** Waits until the channel can be had; rejects once it is closed, gone, or disposed of. */
  next(): Promise<SegmentWriter> {
    return this.#try((inner) => inner.next());
  }

  async #try<T>(use: (inner: SegmentSink) => Promise<T> | T): Promise<T> {
    for (;;) {
      if (this.#stop.signal.aborted) throw closedError();
      try {
        const found = await use(this.#inner ??= this.#openInner());
        this.#failures = 0;
        return found;
      } catch (error) {
        if (isGone(error) || this.#stop.signal.aborted) throw error;
        await this.#reopen(error);
      }
    }
  }

  /** Ends the channel. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#inner?.close();
  }

  /** The same as {@linkcode close}, for a channel that may not answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#inner?.[Symbol.asyncDispose]();
  }

  #openInner(): SegmentSink {
    const inner = this.#options.open();
    void inner.gone?.then((error) => this.#gone.resolve(error));
    return inner;
  }

  async #reopen(thrown: unknown): Promise<void> {
    const { onLost, retryMs = FIRST_RETRY_MS, clock = systemClock } = this.#options;
    if (this.#failures === 0) {
      onLost?.(thrown instanceof Error ? thrown : new Error(describeError(thrown)));
    }
    const failed = this.#inner;
    this.#inner = undefined;
    await failed?.[Symbol.asyncDispose]();
    const delayMs = Math.min(retryMs * 2 ** this.#failures++, LONGEST_RETRY_MS);
    await pauseOn(clock, delayMs, this.#stop.signal);
  }
}

/** Whether a channel has ended, so that it must not be opened again. */
export function isGone(error: unknown): boolean {
  return error instanceof TrickleError &&
    (error.code === "TRICKLE_CLOSED" || error.code === "TRICKLE_NOT_FOUND");
}

function closedError(): TrickleError {
  return new TrickleError("TRICKLE_CLOSED", "Cannot publish: the stream has ended");
}

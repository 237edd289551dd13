/**
 * Reads a channel: TRICKLE.md section 8.
 *
 * @module
 */

import { pause } from "../clock.ts";
import { separateCredentials } from "../transport/url_credentials.ts";
import type { InputSegment, SegmentSource } from "../segments.ts";
import { SAME_INDEX_DELAY_MS } from "./missing_segment.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";
import { discardSegment, downloadSegment } from "./segment_download.ts";
import { type FoundSegment, type Located, SegmentLocator } from "./segment_locator.ts";
import {
  type MutableSubscriberStats,
  resolveSubscriberOptions,
  type SubscriberOutcome,
  type SubscriberSettings,
  type SubscriberStart,
  type SubscriberStats,
  toPosition,
  type TrickleSubscriberOptions,
} from "./subscriber_options.ts";

/**
 * Subscribes to a channel. It asks for one segment ahead, survives lost connections, and never
 * waits for its reader: what does not fit the buffer is dropped, whole segments, oldest first, and
 * counted.
 *
 * Iterating starts it and ends with the channel; it throws a `TrickleError` with
 * `TRICKLE_UNREACHABLE` or
 * `TRICKLE_PROTOCOL` once the retry budget is spent. A channel that does not exist just ends the
 * iteration: {@linkcode outcome} tells the difference.
 */
export class TrickleSubscriber implements SegmentSource {
  /** The channel's URL, without a slash at its end, a user name or a password. */
  readonly url: string;
  readonly #settings: SubscriberSettings;
  readonly #buffer: ReceiveBuffer;
  readonly #stats: MutableSubscriberStats = {
    segments: 0,
    emptySegments: 0,
    bytes: 0,
    skippedSegments: 0,
    droppedSegments: 0,
    truncatedSegments: 0,
    recoveredBodies: 0,
    retries: 0,
    refreshes: 0,
  };
  readonly #stop = new AbortController();
  readonly #outcome = Promise.withResolvers<SubscriberOutcome>();
  readonly #unlink: () => void;
  #pass = new AbortController();
  #seekPosition: number | undefined;
  #run: Promise<void> | undefined;

  /**
   * Creates a subscriber that does nothing yet. Throws a `RangeError` for options out of range, and a `TypeError`
   * for a token that no header can hold.
   */
  constructor(url: string | URL, options: TrickleSubscriberOptions = {}) {
    const settings = resolveSubscriberOptions(options);
    const address = separateCredentials(String(url), settings.transport, {
      token: options.token,
    });
    this.url = address.url;
    this.#settings = { ...settings, transport: address.transport };
    this.#buffer = new ReceiveBuffer({
      maxBytes: this.#settings.maxBufferedBytes,
      maxSegments: this.#settings.maxBufferedSegments,
    });
    const { signal } = options;
    const onAbort = (): void => this.#abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#unlink = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted === true) this.#abort();
  }

  /** How the subscription ended; resolves when it has, and never rejects. */
  get outcome(): Promise<SubscriberOutcome> {
    return this.#outcome.promise;
  }

  /** Figures of this moment. */
  get stats(): SubscriberStats {
    return { ...this.#stats, droppedSegments: this.#buffer.dropped };
  }

  /** Bytes that wait for the reader. */
  get bufferedBytes(): number {
    return this.#buffer.bytes;
  }

  /** Begins to receive. Iterating does so by itself. Idempotent. */
  start(): void {
    this.#run ??= this.#follow();
  }

  /**
   * Goes to another place in the channel: gives up the pending request, what is buffered and the
   * body being read, and starts with a fresh connection and a fresh retry budget.
   */
  seek(start: SubscriberStart): void {
    this.#seekPosition = toPosition(start);
    this.#buffer.clear();
    this.#pass.abort();
  }

  /** The segments in order. There is one reader: two iterations would share them out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InputSegment> {
    this.start();
    for (;;) {
      const segment = await this.#buffer.next();
      if (segment === undefined) return;
      yield segment;
    }
  }

  /** Ends the subscription and waits until nothing of it is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort();
    await this.#run;
  }

  #abort(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#pass.abort();
    this.#buffer.clear();
    this.#run ??= this.#follow();
  }

  async #follow(): Promise<void> {
    let position = this.#settings.position;
    let outcome: SubscriberOutcome = { kind: "aborted" };
    while (!this.#stop.signal.aborted) {
      position = this.#seekPosition ?? position;
      this.#seekPosition = undefined;
      this.#pass = new AbortController();
      outcome = await this.#followFrom(position, this.#pass.signal);
      if (this.#seekPosition === undefined) break;
      this.#settings.transport.renew();
    }
    if (this.#stop.signal.aborted) outcome = { kind: "aborted" };
    this.#unlink();
    this.#settings.transport[Symbol.dispose]();
    this.#buffer.finish(outcome.kind === "failed" ? outcome.error : undefined);
    this.#outcome.resolve(outcome);
  }

  /** Follows the channel until it ends or the pass is aborted. */
  async #followFrom(position: number, signal: AbortSignal): Promise<SubscriberOutcome> {
    const locator = new SegmentLocator(this.url, this.#settings, this.#stats);
    let expected = position >= 0 ? position : undefined;
    let found = await locator.locate(position, expected, signal);
    while (found.kind === "segment") {
      if (signal.aborted) {
        await discardSegment(found);
        return { kind: "aborted" };
      }
      this.#stats.skippedSegments += found.skipped;
      expected = found.hasSeq ? found.seq + 1 : expected;
      found = await this.#receive(found, { locator, expected, signal });
    }
    return found;
  }

  /**
   * Reads a segment while the one after it is being asked for, and gives that one (section 8.2).
   */
  async #receive(
    found: FoundSegment,
    pass: {
      readonly locator: SegmentLocator;
      readonly expected: number | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<Located> {
    const { locator, expected, signal } = pass;
    const context = {
      locator,
      signal,
      buffer: this.#buffer,
      settings: this.#settings,
      stats: this.#stats,
    };
    if (found.hasSeq) {
      const ahead = locator.locate(found.seq + 1, expected, signal);
      await downloadSegment(found, context);
      return await ahead;
    }
    // Without an index there is nothing to ask for ahead: the same again, at a measured pace (8.1).
    await downloadSegment(found, context);
    await pause(this.#settings.clock, SAME_INDEX_DELAY_MS, signal);
    return await locator.locate(found.seq, expected, signal);
  }
}

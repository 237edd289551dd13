/**
 * Messages of a stream on their way to a channel.
 *
 * @module
 */

import { BoundedQueue, type Clock, describeError, isDoneWithin, pauseOn } from "../../base/mod.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import { isGone } from "./reopening_sink.ts";

/** Messages that wait to be published; past that the oldest are dropped. */
const MAX_QUEUED = 1_000;
/** How long the last messages may take at the end. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Options of a {@linkcode QueuedPublisher}. */
export interface QueuedPublisherOptions {
  /** Where the segments go. Owned by the publisher from then on. */
  readonly sink: SegmentSink;
  /** Takes failures; the stream goes on without the messages. */
  readonly onError: (error: Error) => void;
  /** Most messages in one segment. */
  readonly perSegment: number;
  /** Time between two segments, in which messages gather; 0 publishes each at once. */
  readonly intervalMs: number;
  /** After this time without a segment an empty one goes out. @default never */
  readonly keepAliveMs?: number;
  readonly clock: Clock;
}

/**
 * Publishes messages in segments, in order. Nothing waits for the network but its own task; what cannot
 * be published is dropped and counted.
 */
export class QueuedPublisher implements AsyncDisposable {
  readonly #options: QueuedPublisherOptions;
  readonly #stop = new AbortController();
  readonly #queue = new BoundedQueue<Uint8Array<ArrayBuffer>>({
    capacity: MAX_QUEUED,
    whenFull: "drop-oldest",
  });
  readonly #done: Promise<void>;
  #arrived = Promise.withResolvers<void>();
  #sent = 0;
  #lost = 0;
  #isGone = false;

  /** Begins to publish. */
  constructor(options: QueuedPublisherOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Messages that were published. */
  get sent(): number {
    return this.#sent;
  }

  /** Messages that were pushed out by newer ones, or lost with a segment or the channel. */
  get dropped(): number {
    return this.#lost + this.#queue.dropped;
  }

  /** Queues a message. It never waits. */
  push(message: Uint8Array<ArrayBuffer>): void {
    if (this.#isGone || this.#stop.signal.aborted) {
      this.#lost++;
      return;
    }
    void this.#queue.push(message);
    this.#arrived.resolve();
  }

  /** Publishes what is queued and ends the channel. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#arrived.resolve();
    const { clock, sink } = this.#options;
    // Where the server does not answer, what is under way fails, and is counted.
    if (!await isDoneWithin(clock, this.#done, CLOSE_TIMEOUT_MS)) await sink[Symbol.asyncDispose]();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { keepAliveMs = Infinity, sink, clock } = this.#options;
    const { signal } = this.#stop;
    let lastMs = clock.now();
    while (!this.#isGone && !(signal.aborted && this.#queue.size === 0)) {
      if (!signal.aborted) await this.#gather();
      const isSilent = !signal.aborted && clock.now() - lastMs >= keepAliveMs;
      if (this.#queue.size === 0 && !isSilent) continue;
      await this.#publish();
      lastMs = clock.now();
    }
    this.#lost += this.#queue.size;
    await sink.close();
  }

  async #gather(): Promise<void> {
    const { intervalMs, clock } = this.#options;
    if (intervalMs > 0) return await pauseOn(clock, intervalMs, this.#stop.signal);
    if (this.#queue.size > 0) return;
    this.#arrived = Promise.withResolvers();
    await this.#arrived.promise;
  }

  async #publish(): Promise<void> {
    const batch: Uint8Array<ArrayBuffer>[] = [];
    try {
      // The channel comes first: while it cannot be had, newer messages push out older ones.
      const writer = await this.#options.sink.next();
      while (this.#queue.size > 0 && batch.length < this.#options.perSegment) {
        batch.push((await this.#queue.shift())!);
      }
      for (const message of batch) await writer.write(message);
      await writer.close();
      this.#sent += batch.length;
    } catch (error) {
      this.#lost += batch.length;
      this.#isGone = isGone(error) || this.#stop.signal.aborted;
      this.#options.onError(error instanceof Error ? error : new Error(describeError(error)));
    }
  }
}

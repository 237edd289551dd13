/**
 * One segment on its way out: its writer in front, and behind it as many POSTs as it takes.
 * TRICKLE.md sections 7.3 and 7.4.
 *
 * @module
 */

import { describeError, roomLogger, TrickleError } from "../../base/mod.ts";
import { pause } from "../clock.ts";
import { CLOSED_HEADER, parseDecimal, RESET_HEADER, SEQ_HEADER } from "../protocol.ts";
import type { SegmentWriter } from "../segments.ts";
import { NotConnectedError, tellStatus } from "../transport/transport.ts";
import { SegmentData } from "./segment_data.ts";
import { type PostResult, SegmentPost } from "./segment_post.ts";
import type { MutablePublisherStats, PublisherSettings } from "./publisher_options.ts";

const log = roomLogger("trickle");
const RETRY_DELAY_MS = 250;

/** What a segment asks of its publisher. */
export interface SegmentOwner {
  readonly url: string;
  readonly settings: PublisherSettings;
  readonly stats: MutablePublisherStats;
  /** Whether no request may be begun any more. */
  readonly isEnding: boolean;
  /** Whether the server fails and may still come back, at first without the channel. */
  readonly isReconnecting: boolean;
  /** The server says that the channel has ended, or does not exist. */
  end(error: TrickleError): void;
  /**
   * A segment failed, or was refused before a byte of it was sent, which may have happened to it before.
   * Failures in a row, for long enough, end the publisher.
   */
  countFailure(error: TrickleError, how?: { readonly isRepeated?: boolean }): void;
  /** A segment was stored, at this index where the server said one. */
  countStored(segment: OutgoingSegment, answered: number | undefined): void;
  /** The server probably threw the segment away: find out where the channel stands. */
  resynchronize(segment: OutgoingSegment): Promise<void>;
  /** The index is taken: moves this segment, and the one ahead of it, up. */
  moveUp(segment: OutgoingSegment): void;
  /** Tells the server to close an index that will not be finished. Never rejects. */
  deleteSegment(seq: number): Promise<void>;
}

/** How a segment ended. */
export type SegmentResult =
  | { readonly kind: "stored"; readonly answered: number | undefined }
  | { readonly kind: "failed"; readonly error: TrickleError }
  | { readonly kind: "abandoned" };

/** A segment and its writer. */
export class OutgoingSegment implements SegmentWriter {
  readonly #owner: SegmentOwner;
  readonly #data = new SegmentData();
  readonly #settled = Promise.withResolvers<SegmentResult>();
  readonly #headers: Record<string, string>;
  readonly #stop = new AbortController();
  /** Resolves when no request of it is left. */
  readonly finished: Promise<void>;
  #seq: number;
  #post: SegmentPost | undefined;
  #result: SegmentResult | undefined;
  #breaks = 0;
  #releases = 0;
  #refusals = 0;
  #cancelWatch: (() => void) | undefined;

  /** Begins a segment: its POST goes out at once. */
  constructor(owner: SegmentOwner, start: { readonly seq: number; readonly reset: boolean }) {
    this.#owner = owner;
    this.#seq = start.seq;
    this.#headers = { "Content-Type": owner.settings.contentType };
    if (start.reset) this.#headers[RESET_HEADER] = "1";
    this.finished = this.#drive();
  }

  get seq(): number {
    return this.#seq;
  }

  /** How it ended; never rejects. */
  get settled(): Promise<SegmentResult> {
    return this.#settled.promise;
  }

  /** Whether it has ended, one way or the other. */
  get isSettled(): boolean {
    return this.#result !== undefined;
  }

  /** Whether its writer has closed it. */
  get isEnded(): boolean {
    return this.#data.isEnded;
  }

  /** Whether nothing of it was sent, so that it can still move. */
  get isUnsent(): boolean {
    return this.#data.takenBytes === 0 && !this.isSettled;
  }

  /** Whether its writer gave it anything. */
  get hasData(): boolean {
    return this.#data.takenBytes + this.#data.queuedBytes > 0;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (this.isSettled || this.#data.isEnded) {
      throw new TypeError(`Cannot write to segment ${this.#seq}: it was closed; take the next one`);
    }
    if (bytes.byteLength === 0) return;
    this.#data.push(bytes);
    this.#watch();
    while (this.#data.queuedBytes > this.#owner.settings.maxQueuedBytes && !this.isSettled) {
      await this.#data.changed();
    }
    this.#throwIfFailed();
  }

  async close(): Promise<void> {
    if (!this.isSettled && !this.#data.isEnded) {
      this.#data.end();
      this.#watch();
    }
    await this.settled;
    this.#throwIfFailed();
  }

  async abandon(reason?: unknown): Promise<void> {
    if (this.isSettled) return;
    log.debug("Segment {seq} of {url} is given up: {reason}", {
      seq: this.#seq,
      url: this.#owner.url,
      reason: reason === undefined ? "no reason given" : describeError(reason),
    });
    this.#owner.stats.abandonedSegments++;
    this.#settle({ kind: "abandoned" });
    await this.#owner.deleteSegment(this.#seq);
  }

  /** Resolves once all of it was handed to the network, or it has ended otherwise. */
  async handedOver(): Promise<void> {
    while (!this.isSettled && !(this.#data.isEnded && this.#data.queuedBytes === 0)) {
      await this.#data.changed();
    }
  }

  /** Moves to another index; the POST under way is cut off. Only while {@linkcode isUnsent}. */
  moveTo(seq: number): void {
    if (seq === this.#seq) return;
    this.#owner.stats.moves++;
    this.#seq = seq;
    this.#post?.abort();
  }

  /** Ends it without a word to the server. */
  cutOff(error: TrickleError): void {
    if (!this.isSettled) this.#settle({ kind: "failed", error });
  }

  async #drive(): Promise<void> {
    while (!this.isSettled && !this.#owner.isEnding) {
      const { url, settings } = this.#owner;
      this.#post = new SegmentPost({
        transport: settings.transport,
        url: `${url}/${this.#seq}`,
        headers: this.#headers,
      }, this.#data);
      const cancelRefresh = this.#scheduleRefresh(this.#post);
      const result = await this.#post.result;
      cancelRefresh();
      if (!this.isSettled) await this.#handle(result);
    }
  }

  async #handle(result: PostResult): Promise<void> {
    switch (result.kind) {
      case "aborted":
        return; // Moved or refreshed: the loop makes the request anew.
      case "broken":
        return await this.#handleBreak(result.error);
      case "answered":
        return await this.#handleAnswer(result);
    }
  }

  async #handleBreak(error: unknown): Promise<void> {
    const { settings, stats } = this.#owner;
    settings.transport.renew();
    const isUnsent = this.#data.takenBytes === 0 || error instanceof NotConnectedError;
    if (!isUnsent || !this.#data.startOver()) {
      return this.#fail("the connection broke", { cause: error, deletes: true });
    }
    stats.retries++;
    if (this.#breaks++ > 0) await pause(settings.clock, RETRY_DELAY_MS, this.#stop.signal);
  }

  async #handleAnswer(answer: Extract<PostResult, { kind: "answered" }>): Promise<void> {
    const { url } = this.#owner;
    const { status, headers } = answer;
    if (headers.has(CLOSED_HEADER)) {
      const message = `Cannot publish to ${url}: the channel has ended`;
      return this.#owner.end(new TrickleError("TRICKLE_CLOSED", message, { context: { url } }));
    }
    if (status === 404 && !this.#owner.isReconnecting) {
      const message = `Cannot publish to ${url}: the channel does not exist; create it first`;
      return this.#owner.end(new TrickleError("TRICKLE_NOT_FOUND", message, { context: { url } }));
    }
    if (status === 200 && answer.isComplete) return await this.#handleStored(headers);
    if (status === 200) return await this.#handleRelease();
    await this.#handleRefusal(status);
  }

  /** A 200 after the whole body: stored, or thrown away because the index was finished already. */
  async #handleStored(headers: Headers): Promise<void> {
    const closes = (headers.get("Connection") ?? "").toLowerCase().includes("close");
    if (closes && this.#data.takenBytes > 0) {
      this.#owner.stats.discardedSegments++;
      await this.#owner.resynchronize(this);
      return this.#fail("the server answered as for an index that was finished before", {
        isCounted: false,
      });
    }
    const answered = parseDecimal(headers.get(SEQ_HEADER));
    this.#settle({ kind: "stored", answered });
    this.#owner.countStored(this, answered);
  }

  /** A 200 before the body's end: someone else has closed or finished the segment. */
  async #handleRelease(): Promise<void> {
    if (this.#data.takenBytes > 0) {
      return this.#fail("someone else closed it before it was complete");
    }
    if (this.#releases++ > 0) {
      await pause(this.#owner.settings.clock, RETRY_DELAY_MS, this.#stop.signal);
    }
    if (!this.isSettled) this.#owner.moveUp(this);
  }

  /**
   * Any other status: what was sent of this segment is lost, and the next one may work. Where nothing was
   * sent the same index is tried again: readers wait at it, and would wait on at one that is left out.
   */
  async #handleRefusal(status: number): Promise<void> {
    const found = tellStatus(status);
    if (this.#data.takenBytes > 0 || this.#data.isEnded) {
      return this.#fail(found, { deletes: true });
    }
    this.#owner.countFailure(this.#error(found), { isRepeated: this.#refusals++ > 0 });
    await pause(this.#owner.settings.clock, RETRY_DELAY_MS, this.#stop.signal);
  }

  #scheduleRefresh(post: SegmentPost): () => void {
    const { clock, preconnectRefreshMs } = this.#owner.settings;
    if (preconnectRefreshMs <= 0) return () => {};
    return clock.schedule(preconnectRefreshMs, () => {
      if (!this.hasData && !this.#data.isEnded) post.abort();
    });
  }

  /** Watches for as long as something waits to be sent or answered (section 7.1). */
  #watch(): void {
    if (this.#cancelWatch !== undefined || this.isSettled) return;
    const taken = this.#data.takenBytes;
    const queued = this.#data.queuedBytes;
    if (queued === 0 && !this.#data.isEnded) return;
    const { clock, stallTimeoutMs, answerTimeoutMs } = this.#owner.settings;
    const isSent = queued === 0;
    this.#cancelWatch = clock.schedule(isSent ? answerTimeoutMs : stallTimeoutMs, () => {
      this.#cancelWatch = undefined;
      const isStuck = this.#data.takenBytes === taken && (isSent || this.#data.queuedBytes > 0);
      if (isStuck) this.#stall(isSent);
      else this.#watch();
    });
  }

  #stall(isSent: boolean): void {
    const { stallTimeoutMs, answerTimeoutMs } = this.#owner.settings;
    const found = isSent
      ? `the server gave no answer for ${answerTimeoutMs} ms`
      : `the server took nothing for ${stallTimeoutMs} ms`;
    this.#fail(found, { code: "TRICKLE_STALLED", deletes: true });
  }

  #fail(
    found: string,
    how: {
      readonly code?: "TRICKLE_SEGMENT_FAILED" | "TRICKLE_STALLED";
      readonly cause?: unknown;
      /** Whether the server must be told that the segment will not be finished. */
      readonly deletes?: boolean;
      readonly isCounted?: boolean;
    } = {},
  ): void {
    const seq = this.#seq;
    const error = this.#error(found, how.code, how.cause);
    this.#owner.stats.failedSegments++;
    this.#settle({ kind: "failed", error });
    if (how.deletes === true) void this.#owner.deleteSegment(seq);
    if (how.isCounted !== false) this.#owner.countFailure(error);
  }

  #error(
    found: string,
    code: "TRICKLE_SEGMENT_FAILED" | "TRICKLE_STALLED" = "TRICKLE_SEGMENT_FAILED",
    cause?: unknown,
  ): TrickleError {
    const { url } = this.#owner;
    return new TrickleError(
      code,
      `Cannot publish segment ${this.#seq} of ${url}: ${found}; go on with the next one`,
      { cause, context: { url, seq: this.#seq } },
    );
  }

  #settle(result: SegmentResult): void {
    this.#result = result;
    this.#owner.stats.bytes += this.#data.takenBytes;
    this.#cancelWatch?.();
    this.#stop.abort();
    this.#post?.abort();
    this.#data.clear();
    this.#settled.resolve(result);
  }

  #throwIfFailed(): void {
    if (this.#result?.kind === "failed") throw this.#result.error;
  }
}

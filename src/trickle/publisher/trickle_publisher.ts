/**
 * Writes a channel: TRICKLE.md section 7.
 *
 * @module
 */

import { describeError, isDoneWithin, roomLogger, TrickleError } from "../../base/mod.ts";
import { INDEX_NEXT } from "../protocol.ts";
import type { SegmentSink, SegmentWriter } from "../segments.ts";
import { separateCredentials } from "../transport/url_credentials.ts";
import { ChannelCommands } from "./channel_commands.ts";
import { OutgoingSegment, type SegmentOwner } from "./outgoing_segment.ts";
import { askNext, findBeginning, type PublisherBeginning } from "./start_index.ts";
import {
  type MutablePublisherStats,
  type PublisherSettings,
  type PublisherStats,
  resolvePublisherOptions,
  type TricklePublisherOptions,
} from "./publisher_options.ts";

const log = roomLogger("trickle");
const MAX_PENDING_MESSAGES = 1000;
/** How long POSTs may go without an answer after the channel was deleted. */
const LATE_POST_MS = 200;

/**
 * Publishes a channel, segment by segment. The request for the next segment is open before it is
 * needed. A segment that fails is counted and its index closed; the next one works on a fresh
 * connection. One that is refused before a byte of it was sent is tried again at the same index. What ends the publisher, and with it every call, is a `TrickleError`:
 * `TRICKLE_CLOSED` (the channel ended),
 * `TRICKLE_NOT_FOUND` (it does not exist) or the last of several failures in a row, once they have lasted
 * for `reconnectMs`.
 */
export class TricklePublisher implements SegmentSink {
  /** The channel's URL, without a slash at its end, a user name or a password. */
  readonly url: string;
  readonly #settings: PublisherSettings;
  readonly #stats: MutablePublisherStats = {
    segments: 0,
    failedSegments: 0,
    discardedSegments: 0,
    abandonedSegments: 0,
    bytes: 0,
    retries: 0,
    moves: 0,
  };
  readonly #stop = new AbortController();
  readonly #owner: SegmentOwner;
  readonly #unlink: () => void;
  readonly #commands: ChannelCommands;
  readonly #drives = new Set<Promise<void>>();
  readonly #gone = Promise.withResolvers<Error>();
  #beginning: Promise<PublisherBeginning> | undefined;
  #current: OutgoingSegment | undefined;
  /** The current segment while nobody has taken it. */
  #opened: OutgoingSegment | undefined;
  #ahead: OutgoingSegment | undefined;
  #failuresInRow = 0;
  #firstFailureMs = 0;
  #error: TrickleError | undefined;
  #isEnding = false;
  #isUncreated = false;
  #closing: Promise<void> | undefined;
  #taking: Promise<unknown> = Promise.resolve();
  #messages: Promise<unknown> = Promise.resolve();
  #pendingMessages = 0;

  /**
   * Creates a publisher that sends nothing yet. Throws a `RangeError` for options out of range, and a `TypeError`
   * for a token that no header can hold.
   */
  constructor(url: string | URL, options: TricklePublisherOptions = {}) {
    const settings = resolvePublisherOptions(options);
    const address = separateCredentials(String(url), settings.transport, {
      token: options.token,
    });
    this.url = address.url;
    this.#settings = { ...settings, transport: address.transport };
    this.#commands = new ChannelCommands(this.url, this.#settings);
    this.#owner = this.#createOwner();
    const { signal } = options;
    const onAbort = (): void => void this.close();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#unlink = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted === true) onAbort();
  }

  /** Figures of this moment. */
  get stats(): PublisherStats {
    return { ...this.#stats };
  }

  /** Resolves when the server says that the channel has ended or does not exist; never rejects. */
  get gone(): Promise<Error> {
    return this.#gone.promise;
  }

  /**
   * Opens the requests that the first segment needs before it is taken: the end of the channel is heard
   * of while nothing is published. A channel that is not there yet is looked for again when the segment
   * is taken. Nothing happens once one was. Rejects as {@linkcode next}.
   */
  open(): Promise<void> {
    const opened = this.#taking.then(() => this.#openAhead());
    this.#taking = opened.catch(() => {}); // The caller has the error; the next call tries anew.
    return opened;
  }

  /**
   * Creates the channel, with the publisher's content type; nothing happens where it exists. May be
   * called again when it threw.
   */
  async create(): Promise<void> {
    this.#throwIfOver();
    this.#isUncreated = true;
    await this.#commands.create();
    this.#isUncreated = false;
  }

  /**
   * The writer of the next segment, once the one before was handed to the network or has failed.
   * Throws a
   * `TypeError` where that one was neither closed nor abandoned.
   */
  next(): Promise<SegmentWriter> {
    const taken = this.#taking.then(() => this.#takeNext());
    this.#taking = taken.catch(() => {}); // The caller has the error; the next call tries anew.
    return taken;
  }

  /**
   * Publishes one message as a segment of its own, sent in one piece (section 7.6); resolves when
   * it is stored. Throws a `RangeError` for an empty one.
   */
  publishMessage(message: string | Uint8Array): Promise<void> {
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
    if (bytes.byteLength === 0) {
      throw new RangeError("Cannot publish an empty message: receivers take it for an error");
    }
    if (this.#pendingMessages >= MAX_PENDING_MESSAGES) {
      throw new TrickleError(
        "TRICKLE_STALLED",
        `Cannot publish: ${MAX_PENDING_MESSAGES} messages wait already; await them`,
        { context: { url: this.url } },
      );
    }
    this.#pendingMessages++;
    const sent = this.#messages.then(() => this.#sendMessage(bytes));
    this.#messages = sent.catch(() => {}); // The caller has the error; the next message is sent.
    return sent;
  }

  /**
   * Finishes the segment being written, deletes the channel where it is owned, and ends everything.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends everything at once, and leaves the channel as it is: what was not stored is lost. Idempotent. */
  leave(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #takeNext(): Promise<SegmentWriter> {
    this.#throwIfOver();
    const opened = this.#opened;
    this.#opened = undefined;
    return opened?.isSettled === false ? opened : await this.#openNext();
  }

  async #openNext(): Promise<OutgoingSegment> {
    const position = await this.#nextPosition();
    this.#throwIfOver();
    const segment = this.#ahead ?? this.#open(position.seq, position.reset);
    this.#current = segment;
    this.#ahead = segment.seq === INDEX_NEXT ? undefined : this.#open(segment.seq + 1, false);
    return segment;
  }

  async #openAhead(): Promise<void> {
    this.#throwIfOver();
    // With the request of the segment after it: that one hears of the end while the first is written.
    if (this.#current === undefined) this.#opened = await this.#openNext();
  }

  /** Where the next segment goes, once the one before it lets it. */
  async #nextPosition(): Promise<PublisherBeginning> {
    const current = this.#current;
    if (current === undefined) return await this.#begin();
    if (!current.isEnded && !current.isSettled) {
      throw new TypeError(
        `Cannot take the next segment: segment ${current.seq} is open; close or abandon it first`,
      );
    }
    if (current.seq !== INDEX_NEXT) {
      await current.handedOver();
      return { seq: current.seq + 1, reset: false };
    }
    // Only the answer says which index -1 became (section 7.2): none is guessed.
    const result = await current.settled;
    const answered = result.kind === "stored" ? result.answered : undefined;
    return { seq: answered === undefined ? INDEX_NEXT : answered + 1, reset: false };
  }

  async #begin(): Promise<PublisherBeginning> {
    this.#beginning ??= findBeginning(this.url, this.#settings, this.#stop.signal);
    try {
      return await this.#beginning;
    } catch (error) {
      if (error instanceof TrickleError) {
        if (error.code === "TRICKLE_NOT_FOUND" && !this.#isEnding) this.#gone.resolve(error);
        this.#end(error);
      }
      throw error;
    }
  }

  async #sendMessage(bytes: Uint8Array): Promise<void> {
    try {
      const writer = await this.next();
      await writer.write(bytes);
      await writer.close();
    } finally {
      this.#pendingMessages--;
    }
  }

  #open(seq: number, reset: boolean): OutgoingSegment {
    const segment = new OutgoingSegment(this.#owner, { seq, reset });
    const drive = segment.finished.finally(() => this.#drives.delete(drive));
    this.#drives.add(drive);
    return segment;
  }

  #createOwner(): SegmentOwner {
    const isEnding = (): boolean => this.#isEnding;
    const isReconnecting = (): boolean => this.#isReconnecting();
    return {
      url: this.url,
      settings: this.#settings,
      stats: this.#stats,
      get isEnding(): boolean {
        return isEnding();
      },
      get isReconnecting(): boolean {
        return isReconnecting();
      },
      end: (error) => {
        if (!this.#isEnding) this.#gone.resolve(error);
        if (error.code === "TRICKLE_NOT_FOUND" && this.#opened !== undefined) this.#forget(error);
        else this.#end(error);
      },
      countFailure: (error, how) => this.#countFailure(error, how),
      countStored: (segment, answered) => this.#countStored(segment, answered),
      resynchronize: (segment) => this.#resynchronize(segment),
      moveUp: (segment) => this.#place(segment, segment.seq + 1),
      deleteSegment: (seq) =>
        seq < 0 || this.#isEnding ? Promise.resolve() : this.#commands.deleteSegment(seq),
    };
  }

  #countFailure(
    error: TrickleError,
    { isRepeated = false }: { readonly isRepeated?: boolean } = {},
  ): void {
    const { message, cause } = error;
    log[isRepeated ? "debug" : "warn"]("{message}{detail}", {
      message,
      detail: cause === undefined ? "" : ` (${describeError(cause)})`,
    });
    if (this.#failuresInRow++ === 0) this.#firstFailureMs = this.#settings.clock.now();
    if (this.#failuresInRow < this.#settings.maxFailures || this.#isReconnecting()) return;
    this.#end(
      new TrickleError(
        error.code,
        `Cannot go on publishing to ${this.url}: ${this.#failuresInRow} failures in a row, ` +
          "the last: " +
          error.message,
        { cause: error, context: { url: this.url, failures: this.#failuresInRow } },
      ),
    );
  }

  /** Whether the server fails, and may still come back. */
  #isReconnecting(): boolean {
    const { clock, reconnectMs } = this.#settings;
    const lastsMs = clock.now() - this.#firstFailureMs;
    return this.#failuresInRow > 0 && lastsMs < reconnectMs;
  }

  #countStored(segment: OutgoingSegment, answered: number | undefined): void {
    this.#stats.segments++;
    this.#failuresInRow = 0;
    this.#commands.closeUnknownBelow(answered ?? segment.seq);
    if (answered === undefined || segment.seq === INDEX_NEXT || answered === segment.seq) return;
    log.warn("Segment {seq} of {url} was stored as {answered}: going on from there", {
      seq: segment.seq,
      url: this.url,
      answered,
    });
    this.#continueFrom(answered + 1);
  }

  async #resynchronize(segment: OutgoingSegment): Promise<void> {
    const { index } = await askNext(this.url, this.#settings, this.#stop.signal);
    if (index !== undefined && index > segment.seq + 1) this.#continueFrom(index);
  }

  /** Moves what was not begun with to this index. */
  #continueFrom(seq: number): void {
    if (this.#current?.isUnsent === true) this.#place(this.#current, seq);
    else if (this.#ahead !== undefined) this.#place(this.#ahead, seq);
  }

  /** Puts a segment, and the one ahead of it, at an index. */
  #place(segment: OutgoingSegment, seq: number): void {
    segment.moveTo(seq);
    if (segment === this.#current) this.#ahead?.moveTo(seq + 1);
  }

  /** What was opened too early: the next segment begins anew. */
  #forget(error: TrickleError): void {
    for (const segment of [this.#current, this.#ahead]) segment?.cutOff(error);
    this.#beginning =
      this.#current =
      this.#opened =
      this.#ahead =
        undefined;
  }

  #end(error: TrickleError): void {
    this.#error ??= error;
    this.#isEnding = true;
    this.#stop.abort();
    this.#commands.giveUp();
    this.#current?.cutOff(error);
    this.#ahead?.cutOff(error);
  }

  async #close(): Promise<void> {
    this.#unlink();
    const { ownsChannel } = this.#settings;
    const isGone = this.#error !== undefined;
    const current = this.#current;
    if (!isGone && current?.isSettled === false) await this.#finish(current);
    // From here on no POST may begin or end: it would create the channel anew (section 7.5).
    this.#isEnding = true;
    // What could not be created is not there, unless a segment did that.
    const isThere = !this.#isUncreated || current !== undefined || this.#ahead !== undefined;
    if (!isGone && ownsChannel && isThere) await this.#deleteChannel();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const { transport } = this.#settings;
    this.#unlink();
    this.#end(this.#closedError());
    await Promise.all([...this.#drives, this.#commands.settled(), this.#taking, this.#messages]);
    transport[Symbol.dispose]();
  }

  /**
   * The server answers the POSTs that it has when the channel ends. One that reaches it behind the DELETE
   * gets no answer, and creates the channel anew: it is cut off, and the channel deleted again.
   */
  async #deleteChannel(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#settings;
    await this.#commands.deleteChannel(closeTimeoutMs / 2);
    if (await isDoneWithin(clock, Promise.all(this.#drives), LATE_POST_MS)) return;
    this.#end(this.#closedError());
    await Promise.all(this.#drives);
    await this.#commands.deleteChannel(closeTimeoutMs / 4);
  }

  /** Lets the last segment be stored, within half of the time that there is. */
  async #finish(segment: OutgoingSegment): Promise<void> {
    if (!segment.hasData && !segment.isEnded) return;
    const closed = segment.close().catch((error: unknown) => {
      log.warn("The last segment was lost: {error}", { error: describeError(error) });
    });
    const { clock, closeTimeoutMs } = this.#settings;
    await isDoneWithin(clock, closed, closeTimeoutMs / 2);
  }

  #throwIfOver(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#closing !== undefined) throw this.#closedError();
  }

  #closedError(): TrickleError {
    const { url } = this;
    const message = `Cannot publish to ${url}: the publisher is closed; create another`;
    return new TrickleError("TRICKLE_CLOSED", message, { context: { url } });
  }
}

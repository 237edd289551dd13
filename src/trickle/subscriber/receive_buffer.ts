/**
 * Segments between the network and their reader: bounded, so that a reader that is slow loses whole
 * segments instead of slowing the network down.
 *
 * @module
 */

import type { InputSegment } from "../segments.ts";

/** Limits of a {@linkcode ReceiveBuffer}. */
export interface ReceiveBufferOptions {
  /** The most bytes held. */
  readonly maxBytes: number;
  /** The most segments held that the reader has not begun with. */
  readonly maxSegments: number;
}

/** One segment on its way to the reader. */
export interface ReceivedSegment {
  readonly seq: number;
  readonly contentType: string;
  skipped: number;
  readonly chunks: Uint8Array[];
  bytes: number;
  isComplete: boolean;
  /** Whether its rest was lost. */
  isTruncated: boolean;
  /** False once it was dropped, or its reader has gone on: more bytes are of no use. */
  isWanted: boolean;
}

/** Holds what arrived until it is read. One writer, one reader. */
export class ReceiveBuffer {
  readonly #options: ReceiveBufferOptions;
  /** Segments that the reader has not begun with, oldest first. */
  #pending: ReceivedSegment[] = [];
  #current: ReceivedSegment | undefined;
  #bytes = 0;
  #dropped = 0;
  /** Skipped segments to be told of with the next one. */
  #skippedBefore = 0;
  #end: { readonly error?: unknown } | undefined;
  #arrival: PromiseWithResolvers<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  /** Creates an empty buffer. Throws a `RangeError` for limits below 1. */
  constructor(options: ReceiveBufferOptions) {
    if (!(options.maxBytes >= 1 && options.maxSegments >= 1)) {
      throw new RangeError(
        `Cannot buffer ${options.maxBytes} bytes in ${options.maxSegments} segments: use 1 or more`,
      );
    }
    this.#options = options;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Segments dropped so far because the reader was slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Begins a segment. */
  open(start: Pick<InputSegment, "seq" | "contentType" | "skipped">): ReceivedSegment {
    const segment: ReceivedSegment = {
      seq: start.seq,
      contentType: start.contentType,
      skipped: start.skipped + this.#skippedBefore,
      chunks: [],
      bytes: 0,
      isComplete: false,
      isTruncated: false,
      isWanted: true,
    };
    this.#skippedBefore = 0;
    if (this.#pending.length >= this.#options.maxSegments) this.#dropOldest();
    this.#pending.push(segment);
    this.#wakeReader();
    return segment;
  }

  /** Notes segments that are missing before the one opened next. */
  addSkipped(count: number): void {
    this.#skippedBefore += count;
  }

  /**
   * Adds bytes. False when the segment is not wanted any more. It waits only where a single
   * segment, which the reader has begun with, fills the whole buffer: that one cannot be dropped.
   */
  async append(segment: ReceivedSegment, bytes: Uint8Array): Promise<boolean> {
    if (!segment.isWanted) return false;
    segment.chunks.push(bytes);
    segment.bytes += bytes.byteLength;
    this.#bytes += bytes.byteLength;
    while (this.#bytes > this.#options.maxBytes && this.#pending.length > 0) this.#dropOldest();
    this.#wakeReader();
    while (segment.isWanted && this.#bytes > this.#options.maxBytes) {
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
    }
    return segment.isWanted;
  }

  /** Ends a segment; `isWhole` is false where its rest was lost. */
  complete(segment: ReceivedSegment, { isWhole }: { readonly isWhole: boolean }): void {
    segment.isComplete = true;
    segment.isTruncated = !isWhole;
    this.#wakeReader();
  }

  /** Drops everything, the segment being read included, without counting it. */
  clear(): void {
    for (const segment of this.#pending) this.#giveUp(segment);
    this.#pending = [];
    this.#skippedBefore = 0;
    if (this.#current !== undefined) this.#giveUp(this.#current);
    this.#wakeReader();
  }

  /** No more segments come; the reader gets what is held, and then the error where there is one. */
  finish(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wakeReader();
  }

  /** The next segment; undefined at the end. Gives up the rest of the one before. */
  async next(): Promise<InputSegment | undefined> {
    if (this.#current !== undefined) this.#giveUp(this.#current);
    for (;;) {
      const segment = this.#pending.shift();
      if (segment !== undefined) {
        this.#current = segment;
        const { seq, skipped, contentType } = segment;
        return {
          seq,
          skipped,
          contentType,
          get isTruncated(): boolean {
            return segment.isTruncated;
          },
          body: this.#read(segment),
        };
      }
      if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return undefined;
      }
      await this.#arrived();
    }
  }

  async *#read(segment: ReceivedSegment): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = segment.chunks.shift();
        if (chunk !== undefined) {
          segment.bytes -= chunk.byteLength;
          this.#free(chunk.byteLength);
          yield chunk;
          continue;
        }
        if (segment.isComplete || !segment.isWanted) return;
        await this.#arrived();
      }
    } finally {
      this.#giveUp(segment);
    }
  }

  #dropOldest(): void {
    const segment = this.#pending.shift()!;
    this.#dropped++;
    this.#giveUp(segment);
    const missing = segment.skipped + 1;
    const following = this.#pending[0];
    if (following === undefined) this.#skippedBefore += missing;
    else following.skipped += missing;
  }

  #giveUp(segment: ReceivedSegment): void {
    segment.isWanted = false;
    segment.chunks.length = 0;
    this.#free(segment.bytes);
    segment.bytes = 0;
    if (this.#current === segment) this.#current = undefined;
  }

  #free(bytes: number): void {
    this.#bytes -= bytes;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #arrived(): Promise<void> {
    this.#arrival ??= Promise.withResolvers<void>();
    return this.#arrival.promise;
  }

  #wakeReader(): void {
    this.#arrival?.resolve();
    this.#arrival = undefined;
  }
}

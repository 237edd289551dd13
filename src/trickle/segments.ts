/**
 * Segments as the rest of Runnel sees them: a source gives segments to read, a sink gives writers.
 *
 * @module
 */

/** One segment that arrives: TRICKLE.md section 1. */
export interface InputSegment {
  /** Index of the segment in its channel. */
  readonly seq: number;
  /** Segments missing just before this one: never seen, or dropped because the reader was slow. */
  readonly skipped: number;
  /** Media type of the channel, as the server gave it; "" when it gave none. */
  readonly contentType: string;
  /** Once `body` has ended: whether the rest of it was lost with the connection. @default false */
  readonly isTruncated?: boolean;
  /** The bytes as they arrive. May be iterated once; leaving the loop gives up the rest. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A channel being read, segment by segment. One reader only; ends when the channel ends. */
export interface SegmentSource extends AsyncIterable<InputSegment>, AsyncDisposable {}

/** One segment being written. */
export interface SegmentWriter {
  /** Index of the segment. It may move up until the first byte is sent, and is -1 until known. */
  readonly seq: number;
  /**
   * Queues bytes, which must not change afterwards; waits while too many are unsent. Rejects with a
   * `TrickleError` once the segment has failed.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Ends the segment; resolves once the server has stored it and rejects with a `TrickleError`
   * where it did not. The next writer may be taken without waiting for this. Idempotent.
   */
  close(): Promise<void>;
  /** Gives the segment up: readers see it end where it is. Resolves once the server was told. */
  abandon(reason?: unknown): Promise<void>;
}

/** A channel being written, segment by segment. */
export interface SegmentSink extends AsyncDisposable {
  /**
   * Resolves when the channel was ended by somebody else, or is not there; never rejects. Absent where
   * that cannot be known.
   */
  readonly gone?: Promise<Error>;
  /**
   * Connects before the first segment, so that the end of the channel is heard of while nothing is
   * written. Rejects as `next` does.
   */
  open?(): Promise<void>;
  /** The writer of the next segment. Waits until the one before it is ended or has failed. */
  next(): Promise<SegmentWriter>;
  /** Ends the channel. Idempotent; does not reject. */
  close(): Promise<void>;
}

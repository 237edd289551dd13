/**
 * Writing to a pipe whose other end may not read.
 *
 * @module
 */

/** Options of a {@linkcode BoundedWriter}. */
export interface BoundedWriterOptions {
  /** The most bytes that may wait to be written, unless it is one piece. */
  readonly maxWaitingBytes: number;
  /** Takes what a write failed with: once, and nothing is written after it. */
  readonly onError: (error: unknown) => void;
}

/** Writes one piece after another. What waits is bounded: nobody waits for a single piece. */
export class BoundedWriter {
  readonly #options: BoundedWriterOptions;
  readonly #writer: Promise<WritableStreamDefaultWriter<Uint8Array>>;
  #last: Promise<void>;
  #waitingBytes = 0;
  #hasFailed = false;

  /** Writes to what the promise resolves to; what is written before that waits. */
  constructor(stream: Promise<WritableStream<Uint8Array>>, options: BoundedWriterOptions) {
    this.#options = options;
    this.#writer = stream.then((stream) => stream.getWriter());
    this.#writer.catch(() => {}); // said with the first piece
    this.#last = Promise.resolve();
  }

  /** Bytes that were not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Adds a piece. Throws an `Error` where too much waits already. */
  write(piece: Uint8Array): void {
    const { maxWaitingBytes } = this.#options;
    if (this.#waitingBytes > 0 && this.#waitingBytes + piece.byteLength > maxWaitingBytes) {
      throw new Error(
        `Cannot send ${piece.byteLength} bytes: ${this.#waitingBytes} were not read yet; ` +
          "the other side is too slow or hangs",
      );
    }
    this.#waitingBytes += piece.byteLength;
    this.#last = this.#last.then(() => this.#writeNow(piece));
  }

  /** Ends the stream once everything is written; whether it still could be is not told. Never rejects. */
  async close(): Promise<void> {
    try {
      await this.#last;
      await (await this.#writer).close();
    } catch {
      // The other side has ended.
    }
  }

  async #writeNow(piece: Uint8Array): Promise<void> {
    try {
      if (!this.#hasFailed) await (await this.#writer).write(piece);
    } catch (error) {
      this.#hasFailed = true;
      this.#options.onError(error);
    } finally {
      this.#waitingBytes -= piece.byteLength;
    }
  }
}

/**
 * The bytes of one outgoing segment, between its writer and the request that takes them.
 *
 * @module
 */

/** Small writes that wait are sent together, up to this much. */
const MERGE_BYTES = 64 * 1024;
/**
 * Bytes taken that are kept for another try. `fetch` takes up to 1 MiB before there is a
 * connection, so that a refused one has "taken" bytes that were never sent.
 */
const KEEP_BYTES = 2 * 1024 * 1024;

/** A first-in, first-out of bytes that can start over while little of it was taken. */
export class SegmentData {
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #taken: Uint8Array[] = [];
  #takenBytes = 0;
  #isEnded = false;
  #change: PromiseWithResolvers<void> | undefined;

  /** Bytes that were not taken yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes taken since the start, or since it started over. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Whether all bytes there are going to be were pushed. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Adds bytes, by reference. */
  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    this.wake();
  }

  /** No more bytes come. */
  end(): void {
    this.#isEnded = true;
    this.wake();
  }

  /**
   * Takes what is there, up to 64 KiB where it must be put together; undefined when there is
   * nothing.
   */
  take(): Uint8Array | undefined {
    const bytes = this.#merge();
    if (bytes === undefined) return undefined;
    this.#queuedBytes -= bytes.byteLength;
    this.#takenBytes += bytes.byteLength;
    if (this.#takenBytes <= KEEP_BYTES) this.#taken.push(bytes);
    else this.#taken.length = 0;
    this.wake();
    return bytes;
  }

  /** Puts back what was taken, as if nothing had been. False when too much was to be kept. */
  startOver(): boolean {
    if (this.#takenBytes > KEEP_BYTES) return false;
    this.#queue = [...this.#taken, ...this.#queue];
    this.#queuedBytes += this.#takenBytes;
    this.#taken = [];
    this.#takenBytes = 0;
    this.wake();
    return true;
  }

  /** Lets go of all bytes. */
  clear(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#taken = [];
    this.wake();
  }

  /** Resolves at the next push, take or end, or at {@linkcode wake}. */
  changed(): Promise<void> {
    this.#change ??= Promise.withResolvers<void>();
    return this.#change.promise;
  }

  /** Wakes everyone who waits for a change. */
  wake(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }

  #merge(): Uint8Array | undefined {
    const first = this.#queue[0];
    if (first === undefined) return undefined;
    let count = 1;
    let length = first.byteLength;
    for (let next = this.#queue[1]; next !== undefined; next = this.#queue[count]) {
      if (length + next.byteLength > MERGE_BYTES) break;
      length += next.byteLength;
      count++;
    }
    const parts = this.#queue.splice(0, count);
    if (count === 1) return first;
    const merged = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      merged.set(part, at);
      at += part.byteLength;
    }
    return merged;
  }
}

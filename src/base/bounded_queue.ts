/**
 * A queue between two tasks, with a bound and a named policy for what happens when it is full.
 *
 * @module
 */

/** What a full queue does with the next item. */
export type FullPolicy =
  /** `push` waits until there is room: backpressure. */
  | "wait"
  /** The oldest item makes room and is counted: live media. */
  | "drop-oldest";

/** Options of a {@linkcode BoundedQueue}. */
export interface BoundedQueueOptions<T> {
  /** The most items held. */
  readonly capacity: number;
  /** What happens to an item pushed when full. */
  readonly whenFull: FullPolicy;
  /** Called with each item that is dropped, so that its buffers can go back. */
  readonly onDrop?: (item: T) => void;
}

/**
 * A first-in, first-out queue that one side pushes to and the other iterates over. `close()` lets the
 * reader finish what is held; `fail()` makes the reader throw after it; `clear()` drops what is held.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  readonly #whenFull: FullPolicy;
  readonly #onDrop: ((item: T) => void) | undefined;
  #readers: PromiseWithResolvers<void>[] = [];
  #writers: PromiseWithResolvers<void>[] = [];
  #closed = false;
  #failure: { readonly error: unknown } | undefined;
  #dropped = 0;

  /** Creates an empty queue. Throws a `RangeError` for a capacity below 1. */
  constructor(options: BoundedQueueOptions<T>) {
    if (!(options.capacity >= 1)) {
      throw new RangeError(`Cannot create a queue of capacity ${options.capacity}: use 1 or more`);
    }
    this.#capacity = options.capacity;
    this.#whenFull = options.whenFull;
    this.#onDrop = options.onDrop;
  }

  /** The number of items held now. */
  get size(): number {
    return this.#items.length;
  }

  /** The number of items dropped so far: by the policy, by `clear`, or pushed after the close. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether `close` or `fail` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Adds an item. Resolves to false when the item was dropped because the queue is closed.
   * With `"wait"` it resolves once there is room.
   */
  async push(item: T): Promise<boolean> {
    while (!this.#closed && this.#items.length >= this.#capacity) {
      if (this.#whenFull === "drop-oldest") {
        this.#drop(this.#items.shift()!);
        continue;
      }
      const room = Promise.withResolvers<void>();
      this.#writers.push(room);
      await room.promise;
    }
    if (this.#closed) {
      this.#drop(item);
      return false;
    }
    this.#items.push(item);
    this.#readers.shift()?.resolve();
    return true;
  }

  /** No more items come; the reader gets what is held and then ends. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
  }

  /** Like {@linkcode close}, but the reader then throws `error`. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.close();
  }

  /** Drops everything held now. */
  clear(): void {
    for (const item of this.#items.splice(0)) this.#drop(item);
    this.#wakeWriters();
  }

  /** Drops the oldest items until at most `size` are held. */
  trim(size: number): void {
    while (this.#items.length > size) this.#drop(this.#items.shift()!);
    this.#wakeWriters();
  }

  /** Takes the oldest item, waiting for one; `undefined` once the queue is closed and empty. */
  async shift(): Promise<T | undefined> {
    while (this.#items.length === 0) {
      if (this.#closed) {
        if (this.#failure !== undefined) throw this.#failure.error;
        return undefined;
      }
      const arrival = Promise.withResolvers<void>();
      this.#readers.push(arrival);
      await arrival.promise;
    }
    const item = this.#items.shift();
    this.#writers.shift()?.resolve();
    return item;
  }

  /** Iterates until the queue is closed and empty. Leaving the loop does not close the queue. */
  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const item = await this.shift();
      if (item === undefined) return;
      yield item;
    }
  }

  #drop(item: T): void {
    this.#dropped++;
    this.#onDrop?.(item);
  }

  #wakeWriters(): void {
    for (const writer of this.#writers.splice(0)) writer.resolve();
  }

  #wakeAll(): void {
    for (const reader of this.#readers.splice(0)) reader.resolve();
    this.#wakeWriters();
  }
}

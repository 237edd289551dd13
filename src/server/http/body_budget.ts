/**
 * The bytes of all request bodies together.
 *
 * @module
 */

/** Most bytes of request bodies that are held at once. */
export const MAX_BODIES_BYTES = 64 << 20;

/** Counts what bodies have brought until their requests are answered. */
export class BodyBudget {
  /** Most bytes at once. */
  readonly limitBytes: number;
  #usedBytes = 0;

  /** Creates a budget of which nothing is used. Throws a `RangeError` for a limit that is none. */
  constructor(limitBytes: number = MAX_BODIES_BYTES) {
    if (!(limitBytes > 0)) {
      throw new RangeError(`Cannot limit request bodies to ${limitBytes} bytes: use more than 0`);
    }
    this.limitBytes = limitBytes;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether bytes fit; they are counted where they do. */
  take(byteCount: number): boolean {
    if (this.#usedBytes + byteCount > this.limitBytes) return false;
    this.#usedBytes += byteCount;
    return true;
  }

  /** Gives bytes back. */
  give(byteCount: number): void {
    this.#usedBytes -= byteCount;
  }
}

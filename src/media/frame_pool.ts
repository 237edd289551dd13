/**
 * Reuse of large buffers: a 1080p picture is 3 MB, and fresh memory of that size thirty times a
 * second costs page faults and garbage collection.
 *
 * @module
 */

/** Options of a {@linkcode FramePool}. */
export interface FramePoolOptions {
  /**
   * The most idle bytes kept for reuse; what comes back beyond that is left to the collector.
   * @default 67_108_864
   */
  readonly maxIdleBytes?: number;
}

/** What a {@linkcode FramePool} counts. */
export interface FramePoolStats {
  /** Buffers handed out and not yet given back. */
  readonly inUse: number;
  /** Buffers ready for reuse. */
  readonly idle: number;
  /** The bytes of those. */
  readonly idleBytes: number;
  /** Buffers newly made so far. */
  readonly created: number;
  /** Buffers reused so far. */
  readonly reused: number;
}

/**
 * A bounded pool of buffers by size. A buffer that is never given back is simply collected; giving
 * one back twice is noticed and ignored.
 */
export class FramePool {
  readonly #maxIdleBytes: number;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  readonly #handedOut = new WeakSet<ArrayBufferLike>();
  #inUse = 0;
  #idleBytes = 0;
  #created = 0;
  #reused = 0;

  /** Creates an empty pool. */
  constructor(options: FramePoolOptions = {}) {
    this.#maxIdleBytes = options.maxIdleBytes ?? 64 << 20;
  }

  /** Counters now. */
  get stats(): FramePoolStats {
    let idle = 0;
    for (const buffers of this.#idle.values()) idle += buffers.length;
    return {
      inUse: this.#inUse,
      idle,
      idleBytes: this.#idleBytes,
      created: this.#created,
      reused: this.#reused,
    };
  }

  /** Gives a buffer of exactly `bytes` bytes; its contents are whatever was there. */
  allocate(bytes: number): Uint8Array<ArrayBuffer> {
    let buffer = this.#idle.get(bytes)?.pop();
    if (buffer === undefined) {
      buffer = new ArrayBuffer(bytes);
      this.#created++;
    } else {
      this.#idleBytes -= bytes;
      this.#reused++;
    }
    this.#inUse++;
    this.#handedOut.add(buffer);
    return new Uint8Array(buffer);
  }

  /**
   * Takes back memory from {@linkcode allocate}, or any view of it; the caller must not use it
   * again.
   */
  release(data: Uint8Array): void {
    const buffer = data.buffer;
    if (!(buffer instanceof ArrayBuffer) || !this.#handedOut.delete(buffer)) return;
    this.#inUse--;
    const bytes = buffer.byteLength;
    // A transferred buffer has no memory left; and idle memory is bounded.
    if (bytes === 0 || !this.#makeRoom(bytes)) return;
    const buffers = this.#idle.get(bytes);
    if (buffers === undefined) this.#idle.set(bytes, [buffer]);
    else buffers.push(buffer);
    this.#idleBytes += bytes;
  }

  /**
   * Forgets idle buffers of other sizes, which a resolution change left behind, until there is
   * room.
   */
  #makeRoom(bytes: number): boolean {
    for (const [size, buffers] of this.#idle) {
      if (this.#idleBytes + bytes <= this.#maxIdleBytes) return true;
      if (size === bytes) continue;
      this.#idleBytes -= size * buffers.length;
      this.#idle.delete(size);
    }
    return this.#idleBytes + bytes <= this.#maxIdleBytes;
  }
}

/**
 * One segment in memory: an append-only byte buffer that any number of readers follow, each with
 * its own cursor. TRICKLE.md sections 1 and 4.
 *
 * @module
 */

const MIN_BLOCK_BYTES = 4 * 1024;
const MAX_BLOCK_BYTES = 256 * 1024;

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * The bytes of one segment. They are copied into blocks: thousands of tiny pieces then cost a
 * reader who comes late a handful of large ones, and a piece that is a small view of a large buffer
 * keeps nothing else alive.
 */
export class SegmentBuffer {
  /** Index of the segment in its channel. */
  readonly index: number;
  /**
   * Whether it was installed below the channel's `NEXT`: its first byte is a publisher's restart.
   */
  readonly restart: boolean;
  readonly #blocks: Block[] = [];
  readonly #whenClosed: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #change: PromiseWithResolvers<void> | undefined;
  #byteLength = 0;
  #allocatedBytes = 0;
  #closed = false;
  #discarded = false;
  /** Readers that follow it now. */
  readers = 0;
  /** Whether a reader may still hold pieces of it after it was counted out. */
  piecesAreKept = false;

  /** Creates an empty, open segment. */
  constructor(index: number, restart: boolean) {
    this.index = index;
    this.restart = restart;
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Memory held, at least `byteLength` until it is discarded. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** Whether no more bytes come. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether its bytes were given up to stay within the memory limits. */
  get discarded(): boolean {
    return this.#discarded;
  }

  /** Resolves when it is closed. */
  get whenClosed(): Promise<void> {
    return this.#whenClosed.promise;
  }

  /** Resolves at the next append, close or discard. */
  changed(): Promise<void> {
    this.#change ??= Promise.withResolvers<void>();
    return this.#change.promise;
  }

  /** Adds bytes and wakes the readers. The caller has checked that it is open and that they fit. */
  append(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.byteLength > 0) {
      const block = this.#blockWithRoom(rest.byteLength);
      const part = rest.subarray(0, block.bytes.byteLength - block.used);
      block.bytes.set(part, block.used);
      block.used += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
    this.#byteLength += bytes.byteLength;
    this.#wake();
  }

  /** No more bytes come. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#whenClosed.resolve();
    this.#wake();
  }

  /**
   * Gives its bytes up; readers that are still behind fail. The memory is free at once where nobody can
   * have a piece of it: what waits for the garbage collector is several times what a server holds.
   */
  discard(): void {
    this.#discarded = true;
    const isUnused = this.readers === 0 && !this.piecesAreKept;
    for (const { bytes } of isUnused ? this.#blocks : []) bytes.buffer.transfer(0);
    this.#blocks.length = 0;
    this.#allocatedBytes = 0;
    this.close();
    this.#wake();
  }

  /** What follows after byte `used` of block `block`; undefined when there is nothing yet. */
  viewFrom(block: number, used: number): Uint8Array | undefined {
    const found = this.#blocks[block];
    return found === undefined ? undefined : found.bytes.subarray(used, found.used);
  }

  /** Whether a later block than `block` has begun. */
  hasBlockAfter(block: number): boolean {
    return block + 1 < this.#blocks.length;
  }

  #blockWithRoom(wanted: number): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.used < last.bytes.byteLength) return last;
    const size = Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, wanted, this.#allocatedBytes));
    const block = { bytes: new Uint8Array(size), used: 0 };
    this.#blocks.push(block);
    this.#allocatedBytes += size;
    return block;
  }

  #wake(): void {
    const change = this.#change;
    this.#change = undefined;
    change?.resolve();
  }
}

/** The most memory that {@linkcode SegmentBuffer.append} may take for `bytes` more. */
export function worstAllocation(bytes: number, allocatedBytes: number): number {
  return bytes + Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, allocatedBytes));
}

/** One reader's place in a segment. */
export class SegmentCursor {
  readonly #segment: SegmentBuffer;
  #block = 0;
  #used = 0;

  /** Starts at byte 0. */
  constructor(segment: SegmentBuffer) {
    this.#segment = segment;
  }

  /**
   * Takes what is there and was not read yet, as a view that must not be written to; undefined when
   * there is nothing (yet).
   */
  read(): Uint8Array | undefined {
    for (;;) {
      const view = this.#segment.viewFrom(this.#block, this.#used);
      if (view === undefined) return undefined;
      if (view.byteLength > 0) {
        this.#used += view.byteLength;
        return view;
      }
      if (!this.#segment.hasBlockAfter(this.#block)) return undefined;
      this.#block++;
      this.#used = 0;
    }
  }
}

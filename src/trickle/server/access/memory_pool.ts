/**
 * The memory that all channels of a server hold together, and who gives some up where it is short: slow
 * readers, channels that nobody writes to, and those who hold most. No client can keep another from
 * publishing.
 *
 * @module
 */

import type { TrickleLimits } from "../limits.ts";
import type { SegmentBuffer } from "../segment_buffer.ts";

/**
 * Whose limits count: a token, a signed URL's client or an address. Undefined: the program itself, and clients
 * that cannot be told apart; only the limits of the whole server hold for them.
 */
export type ClientId = string | undefined;

/** A channel without a write for so long is idle. */
const IDLE_MS = 10_000;
/** What an idle channel must hold to be asked first: the last messages of quiet channels stay. */
const WORTHWHILE_BYTES = 1024 * 1024;

/** What holds memory: a channel. */
export interface MemoryHolder {
  /** Whose memory it is. */
  readonly client: ClientId;
  readonly heldBytes: number;
  /** Milliseconds of the pool's clock. */
  readonly lastWriteMs: number;
  /** Frees a segment that only slow readers hold. False: there is none. */
  cutSlowReaders(): boolean;
  /**
   * Drops its oldest segment but `keep`; of open ones only with `alsoOpen`. What is still being read may need
   * {@linkcode cutSlowReaders} after it. False: there is none.
   */
  dropOldest(keep: SegmentBuffer, alsoOpen: boolean): boolean;
}

/** Memory that is needed. */
export interface MemoryWish {
  readonly bytes: number;
  /** Who writes. */
  readonly client: ClientId;
  /** What is written to, and so is not dropped. */
  readonly keep: SegmentBuffer;
}

/** The bytes that all channels of a server hold together. */
export class MemoryPool {
  readonly #limits: TrickleLimits;
  readonly #now: () => number;
  readonly #holders = new Set<MemoryHolder>();
  readonly #byClient = new Map<ClientId, number>();
  #usedBytes = 0;

  /** Creates an empty pool. */
  constructor(limits: TrickleLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Bytes held now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that a client's channels hold. */
  heldBy(client: ClientId): number {
    return this.#byClient.get(client) ?? 0;
  }

  /** Adds what may be asked for memory; the returned function removes it. */
  add(holder: MemoryHolder): () => void {
    this.#holders.add(holder);
    return () => this.#holders.delete(holder);
  }

  /** Whether the bytes fit, after others gave up some where that is needed. */
  makeRoom(wish: MemoryWish): boolean {
    const { bytes, client } = wish;
    const { maxTotalBytes, maxBytesPerClient } = this.#limits;
    if (client !== undefined) {
      const isOwn = (holder: MemoryHolder): boolean => holder.client === client;
      while (this.heldBy(client) + bytes > maxBytesPerClient) {
        if (!this.#reclaim([...this.#holders].filter(isOwn), wish)) return false;
      }
    }
    while (this.#usedBytes + bytes > maxTotalBytes) {
      if (!this.#reclaim([...this.#holders], wish)) return false;
    }
    return true;
  }

  /** Counts bytes of a client in (above 0) or out (below 0). */
  count(bytes: number, client: ClientId): void {
    if (bytes === 0) return;
    this.#usedBytes += bytes;
    const held = this.heldBy(client) + bytes;
    if (held === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, held);
  }

  /** Frees memory of one of these holders, or brings one nearer to it. */
  #reclaim(holders: MemoryHolder[], { bytes, client, keep }: MemoryWish): boolean {
    // Who holds most is asked first, so that nobody's readers are cut for what another piles up.
    const largest = holders.sort((a, b) =>
      this.heldBy(b.client) - this.heldBy(a.client) || b.heldBytes - a.heldBytes
    );
    if (largest.some((holder) => holder.cutSlowReaders())) return true;
    const idleSinceMs = this.#now() - IDLE_MS;
    const idle = holders.filter(({ lastWriteMs, heldBytes }) =>
      lastWriteMs <= idleSinceMs && heldBytes >= WORTHWHILE_BYTES
    ).sort((a, b) => a.lastWriteMs - b.lastWriteMs);
    // An idle channel's segment may be open: whoever stalls in the middle of one keeps nothing by that.
    if (idle.some((holder) => holder.dropOldest(keep, true))) return true;
    if (largest.some((holder) => holder.dropOldest(keep, false))) return true;
    // Only open segments are left: they go where somebody holds more than the one who asks.
    const own = this.heldBy(client) + bytes;
    return largest.some((holder) =>
      holder.client !== client && this.heldBy(holder.client) > own && holder.dropOldest(keep, true)
    );
  }
}

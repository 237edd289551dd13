/**
 * What an embedded trickle server may hold: the reference holds everything (quirk Q16).
 *
 * @module
 */

/** Limits of a trickle server. */
export interface TrickleLimits {
  /** Channels at once; one more answers 429. @default {1000} */
  readonly maxChannels: number;
  /** Characters of a channel's name; a longer one answers 400. @default {256} */
  readonly maxNameLength: number;
  /**
   * Bytes of one segment; on excess the POST answers 413 and the segment ends. @default {67108864}
   */
  readonly maxSegmentBytes: number;
  /**
   * Bytes held for one channel: its ring, and segments that left the ring but are still being read.
   * On excess slow readers of the oldest segments are cut, then old segments go. @default
   * {268435456}
   */
  readonly maxChannelBytes: number;
  /** Bytes held by the whole server, handled likewise. @default {1073741824} */
  readonly maxTotalBytes: number;
}

const MEBIBYTE = 1024 * 1024;

/** The limits of a server that is given none. */
export const DEFAULT_TRICKLE_LIMITS: TrickleLimits = Object.freeze({
  maxChannels: 1000,
  maxNameLength: 256,
  maxSegmentBytes: 64 * MEBIBYTE,
  maxChannelBytes: 256 * MEBIBYTE,
  maxTotalBytes: 1024 * MEBIBYTE,
});

/** Fills in the defaults. Throws a `RangeError` for a limit that is not a whole number above 0. */
export function resolveLimits(given: Partial<TrickleLimits> = {}): TrickleLimits {
  const limits = { ...DEFAULT_TRICKLE_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`Cannot limit ${name} to ${value}: use a whole number above 0`);
    }
  }
  return limits;
}

/** The bytes that all channels of a server hold together. */
export class MemoryPool {
  /** The most bytes held. */
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #reclaimers = new Set<() => boolean>();

  /** Creates an empty pool. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Bytes held now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Registers what frees memory that only slow readers hold; it says whether it freed any. */
  addReclaimer(reclaim: () => boolean): () => void {
    this.#reclaimers.add(reclaim);
    return () => this.#reclaimers.delete(reclaim);
  }

  /** Whether `bytes` more fit, after cutting slow readers of any channel where that is needed. */
  makeRoom(bytes: number): boolean {
    while (this.#usedBytes + bytes > this.limitBytes) {
      if (![...this.#reclaimers].some((reclaim) => reclaim())) return false;
    }
    return true;
  }

  /** Counts bytes in (above 0) or out (below 0). */
  count(bytes: number): void {
    this.#usedBytes += bytes;
  }
}

/**
 * What an embedded trickle server may hold: the reference holds everything (quirk Q16).
 *
 * @module
 */

/** Limits of a trickle server. */
export interface TrickleLimits {
  /** Channels at once; one more answers 429. @default {2000} */
  readonly maxChannels: number;
  /** Channels at once that one client created; one more answers 429. @default half of `maxChannels` */
  readonly maxChannelsPerClient: number;
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
  /**
   * Bytes held by the whole server. On excess slow readers of any channel are cut; then channels without a
   * write for 10 seconds lose segments, those that have waited longest first; then the largest channel of the
   * client that holds most. A POST that still finds no room answers 413. @default {1073741824}
   */
  readonly maxTotalBytes: number;
  /**
   * Bytes held by the channels that one client was the last to publish to, handled likewise among them.
   * @default half of `maxTotalBytes`
   */
  readonly maxBytesPerClient: number;
  /**
   * Requests of one client at once, those that read segments and those that write them each for itself; one more
   * answers 429. A subscriber has up to two, a publisher three. Who has URLs that are signed for one channel is
   * one client with all others who have, unless the URLs name their clients. @default {Infinity}
   */
  readonly maxRequestsPerClient: number;
}

const MEBIBYTE = 1024 * 1024;

/** The limits of a server that is given none. */
export const DEFAULT_TRICKLE_LIMITS: TrickleLimits = Object.freeze({
  maxChannels: 2000,
  maxChannelsPerClient: 1000,
  maxNameLength: 256,
  maxSegmentBytes: 64 * MEBIBYTE,
  maxChannelBytes: 256 * MEBIBYTE,
  maxTotalBytes: 1024 * MEBIBYTE,
  maxBytesPerClient: 512 * MEBIBYTE,
  maxRequestsPerClient: Infinity,
});

/**
 * Fills in the defaults; those per client are half of those of the server. Throws a `RangeError` for a limit that
 * is not a whole number above 0; that of requests may be `Infinity`.
 */
export function resolveLimits(given: Partial<TrickleLimits> = {}): TrickleLimits {
  const whole = { ...DEFAULT_TRICKLE_LIMITS, ...given };
  const limits = {
    ...whole,
    maxChannelsPerClient: given.maxChannelsPerClient ?? Math.ceil(whole.maxChannels / 2),
    maxBytesPerClient: given.maxBytesPerClient ?? Math.ceil(whole.maxTotalBytes / 2),
  };
  for (const [name, value] of Object.entries(limits)) {
    const isUnlimited = name === "maxRequestsPerClient" && value === Infinity;
    if (!isUnlimited && (!Number.isSafeInteger(value) || value < 1)) {
      throw new RangeError(`Cannot limit ${name} to ${value}: use a whole number above 0`);
    }
  }
  return limits;
}

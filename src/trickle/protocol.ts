/**
 * Names and numbers of the trickle protocol: TRICKLE.md sections 2 and 3.
 *
 * @module
 */

/** Response header: the index that the request was resolved to. */
export const SEQ_HEADER = "Lp-Trickle-Seq";
/** Response header: the index of the next segment to be written. */
export const LATEST_HEADER = "Lp-Trickle-Latest";
/** Response header: its presence says that the channel has ended. */
export const CLOSED_HEADER = "Lp-Trickle-Closed";
/** Request header of a segment POST: any value but "" closes all segments below it. */
export const RESET_HEADER = "Lp-Trickle-Reset";
/** Request header of a channel POST: the media type of the channel. */
export const EXPECT_CONTENT_HEADER = "Expect-Content";
/** Status of a GET for a segment that does not exist (any more). */
export const STATUS_NO_SEGMENT = 470;

/** GET of this index means the next segment; POST means the same. */
export const INDEX_NEXT = -1;
/** GET of this index means the segment being written. */
export const INDEX_CURRENT = -2;

/** The last index of a channel: at ten segments a second, seven years of them. */
export const MAX_INDEX = 2 ** 31 - 1;

/**
 * Parses a decimal integer with an optional sign: an index in a path, or the value of a
 * `Lp-Trickle-*` header. Gives undefined for anything else, and beyond one past the last index: the
 * numbers of other machines must leave room to count on (section 2).
 */
export function parseDecimal(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return Math.abs(value) <= MAX_INDEX + 1 ? value + 0 : undefined;
}

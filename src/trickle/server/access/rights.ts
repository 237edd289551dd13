/**
 * What a client may do with a channel.
 *
 * @module
 */

/**
 * `read` is to get its segments; `publish` is to create it, write and delete its segments, and delete it.
 * Either allows to ask for the next index.
 */
export type TrickleRight = "read" | "publish";

/** Every right. */
export const TRICKLE_RIGHTS: readonly TrickleRight[] = ["read", "publish"];

/** Parses `read`, `publish` or both with a comma between them; undefined for anything else. */
export function parseRights(text: string): readonly TrickleRight[] | undefined {
  const words = text.split(",");
  const rights = TRICKLE_RIGHTS.filter((right) => words.includes(right));
  return rights.length === words.length ? rights : undefined;
}

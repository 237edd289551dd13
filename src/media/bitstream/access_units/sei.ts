/**
 * Where SEI messages end by their own sizes.
 *
 * Spec: ISO/IEC 14496-10 section 7.3.2.3, ISO/IEC 23008-2 section 7.3.5.
 */

/** Larger messages are not searched for start codes of their own. */
const MAX_MESSAGE_BYTES = 16_384;

/** Messages of one unit that are looked at. */
const MAX_MESSAGES = 64;

/** Bytes behind the messages that are looked at: trailing bits and the next start code. */
const LOOKAHEAD_BYTES = 5;

/**
 * Senders put data into messages without escaping it, so that start codes seem to lie in there. Tells
 * whether the one at `code` does: the sizes of the messages from `from` on go beyond it, and lead to
 * where another start code is. Returns where that is, -1 if the start code is a true one, or `"more"`
 * when that takes more bytes than those before `end`.
 */
export function messageEndBehind(
  data: Uint8Array,
  place: { readonly from: number; readonly code: number; readonly end: number },
): number | "more" {
  const { from, code, end } = place;
  let at = from;
  for (let count = 0; count < MAX_MESSAGES && at < end; count++) {
    while (at < end && data[at] === 0xFF) at++; // payload_type
    at++;
    let size = 0;
    while (at < end && data[at] === 0xFF) size += data[at++]!;
    size += at < end ? data[at++]! : 0;
    // A start code in front of the payload is a true one.
    if (at > code || size > MAX_MESSAGE_BYTES) return -1;
    at += size;
    if (at > code) return behind(data, at, end);
  }
  return -1;
}

/** Whether more messages or the end of the unit are at `at`, which a start code seems to precede. */
function behind(data: Uint8Array, at: number, end: number): number | "more" {
  if (at + LOOKAHEAD_BYTES > end) return "more";
  return data[at] === 0x80 && isStartCode(data, at + 1) ? at + 1 : -1;
}

function isStartCode(data: Uint8Array, at: number): boolean {
  if (data[at] !== 0 || data[at + 1] !== 0) return false;
  return data[at + 2] === 1 || data[at + 2] === 0 && data[at + 3] === 1;
}

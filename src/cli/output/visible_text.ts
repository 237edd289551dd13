/**
 * Text of others on a terminal: what a peer, a file or a program chose must not move the cursor, change the
 * title, or look like a line of its own.
 *
 * @module
 */

/**
 * C0 and C1 controls (a C1 control is an escape sequence to some terminals), separators of lines, and marks
 * that change the direction of what follows.
 */
// deno-lint-ignore no-control-regex -- they are what is looked for
const INVISIBLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text whose controls are written as `\u001b`, which in a JSON string means the same. */
export function visibleText(text: string): string {
  return text.replaceAll(INVISIBLE, escaped);
}

/** The same for a text of several lines, whose line breaks and tabs are its own. */
export function visibleLines(text: string): string {
  return text.replaceAll(
    INVISIBLE,
    (mark) => mark === "\n" || mark === "\t" ? mark : escaped(mark),
  );
}

function escaped(mark: string): string {
  return `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

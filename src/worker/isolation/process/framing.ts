/**
 * Messages between processes: structured clones as lines of text, so that what a user's processor prints
 * beside them is told apart.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { deserialize, serialize } from "node:v8";

/** Begins each line that is a message. */
const MARK = "\u001erunnel:";

/** A message as a line, newline included. Throws for what cannot be copied. */
export function writeMessage(message: unknown): string {
  return `${MARK}${serialize(message).toString("base64")}\n`;
}

/** The message of a line; undefined for a line that is none. Throws for one that is damaged. */
export function parseMessage(line: string): { readonly message: unknown } | undefined {
  const at = line.indexOf(MARK);
  if (at < 0) return undefined;
  const message = deserialize(Buffer.from(line.slice(at + MARK.length), "base64"));
  if (typeof message === "object" && message !== null) return { message };
  throw new TypeError("a message is neither a call nor an answer");
}

/** The lines of a stream of bytes, without their ends. Throws a `RangeError` for one that is too long. */
export async function* linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxCharacters = Infinity,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > maxCharacters) {
      throw new RangeError(`a line has more than ${maxCharacters} characters`);
    }
    yield* lines;
  }
  if (rest !== "") yield rest;
}

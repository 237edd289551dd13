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

/** What is kept of a line that is no message: more is not shown. */
export const MAX_TEXT_CHARACTERS = 2_000;

/** What comes in lines. */
export interface LineOptions {
  /** A longer line is an error. @default Infinity */
  readonly maxCharacters?: number;
  /** Whether some are messages, of which all is needed. @default true */
  readonly messages?: boolean;
}

/**
 * The lines of a stream of bytes, without their ends. Of a line that is no message its first characters come, at
 * most {@linkcode MAX_TEXT_CHARACTERS} in all; of one that ends with a message, all from there on. Throws a
 * `RangeError` for a line of more than `maxCharacters`.
 */
export async function* linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  { maxCharacters = Infinity, messages = true }: LineOptions = {},
): AsyncGenerator<string> {
  let line = new Line(messages);
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    for (let at = 0; at <= text.length;) {
      const found = text.indexOf("\n", at);
      const end = found < 0 ? text.length : found;
      line.append(text.slice(at, end));
      if (line.characters > maxCharacters) {
        throw new RangeError(`a line has more than ${maxCharacters} characters`);
      }
      if (found >= 0) {
        yield line.text;
        line = new Line(messages);
      }
      at = end + 1;
    }
  }
  if (line.characters > 0) yield line.text;
}

/** A line that comes in pieces. */
class Line {
  /** Characters that have come. */
  characters = 0;
  #text = "";
  /** From the mark on; undefined before there is one. */
  #message: string[] | undefined;
  readonly #mayBeMessage: boolean;

  constructor(mayBeMessage: boolean) {
    this.#mayBeMessage = mayBeMessage;
  }

  /** What is kept of it. */
  get text(): string {
    return this.#message?.join("") ?? this.#text.slice(0, MAX_TEXT_CHARACTERS);
  }

  append(piece: string): void {
    this.characters += piece.length;
    if (this.#message !== undefined) {
      this.#message.push(piece);
      return;
    }
    // A mark may begin in the piece before.
    const from = Math.max(0, this.#text.length - MARK.length);
    const joined = this.#text + piece;
    const at = this.#mayBeMessage ? joined.indexOf(MARK, from) : -1;
    if (at >= 0) this.#message = [joined.slice(at)];
    this.#text = joined.length <= MAX_TEXT_CHARACTERS + MARK.length
      ? joined
      : joined.slice(0, MAX_TEXT_CHARACTERS) + joined.slice(-MARK.length);
  }
}

/**
 * Where a text stops being JSON (RFC 8259), in one pass: `JSON.parse` names no position for an unexpected
 * token.
 *
 * @module
 */

/** What may come next, white space aside. */
type Expected =
  | "value"
  /** A value, or the end of an empty array. */
  | "value-or-end"
  | "key"
  /** A key, or the end of an empty object. */
  | "key-or-end"
  | "colon"
  /** A comma, or the end of the array or object. */
  | "comma-or-end"
  /** Nothing: the text is complete. */
  | "nothing";

const WHITE_SPACE = /[ \t\n\r]*/y;
const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

/**
 * The index of the first character at which a text stops being JSON; the text's length where it only ends
 * too early.
 */
export function findJsonError(text: string): number {
  /** What closes the arrays and objects that are open, the innermost last. */
  const closers: string[] = [];
  let expected: Expected = "value";
  const afterValue = (): Expected => closers.length === 0 ? "nothing" : "comma-or-end";
  for (let i = skipWhiteSpace(text, 0); i < text.length; i = skipWhiteSpace(text, i)) {
    const character = text[i]!;
    const mayEnd = expected.endsWith("-or-end");
    if (mayEnd && character === closers.at(-1)) {
      closers.pop();
      expected = afterValue();
      i++;
    } else if (expected === "colon" || expected === "comma-or-end") {
      if (character !== (expected === "colon" ? ":" : ",")) return i;
      const isKeyNext: boolean = expected === "comma-or-end" && closers.at(-1) === "}";
      expected = isKeyNext ? "key" : "value";
      i++;
    } else if (expected === "key" || expected === "key-or-end") {
      if (character !== '"') return i;
      const { end, valid } = scanString(text, i);
      if (!valid) return end;
      expected = "colon";
      i = end;
    } else if (expected === "nothing") {
      return i;
    } else if (character === "[" || character === "{") {
      closers.push(character === "[" ? "]" : "}");
      expected = character === "[" ? "value-or-end" : "key-or-end";
      i++;
    } else {
      const { end, valid } = scanScalar(text, i);
      if (!valid) return end;
      expected = afterValue();
      i = end;
    }
  }
  return text.length;
}

/** Where a token ends, or the first character that is wrong in it. */
interface Scanned {
  readonly end: number;
  readonly valid: boolean;
}

function skipWhiteSpace(text: string, start: number): number {
  WHITE_SPACE.lastIndex = start;
  WHITE_SPACE.test(text);
  return WHITE_SPACE.lastIndex;
}

function scanScalar(text: string, start: number): Scanned {
  const character = text[start]!;
  if (character === '"') return scanString(text, start);
  const literal = LITERALS[character];
  return literal === undefined ? scanNumber(text, start) : scanLiteral(text, start, literal);
}

function scanLiteral(text: string, start: number, literal: string): Scanned {
  let length = 0;
  while (length < literal.length && text[start + length] === literal[length]) length++;
  return { end: start + length, valid: length === literal.length };
}

function scanString(text: string, start: number): Scanned {
  let i = start + 1;
  for (; i < text.length; i++) {
    const character = text[i]!;
    if (character === '"') return { end: i + 1, valid: true };
    if (character < " ") return { end: i, valid: false };
    if (character !== "\\") continue;
    i++;
    const escaped = text[i];
    if (escaped === undefined || !'"\\/bfnrtu'.includes(escaped)) return { end: i, valid: false };
    if (escaped !== "u") continue;
    for (const last = i + 4; i < last;) {
      i++;
      if (!/^[0-9a-fA-F]$/.test(text[i] ?? "")) {
        return { end: Math.min(i, text.length), valid: false };
      }
    }
  }
  return { end: text.length, valid: false };
}

function scanNumber(text: string, start: number): Scanned {
  let i = text[start] === "-" ? start + 1 : start;
  const isDigit = (): boolean => text[i] !== undefined && text[i]! >= "0" && text[i]! <= "9";
  const digits = (): boolean => {
    const first = i;
    while (isDigit()) i++;
    return i > first;
  };
  if (text[i] === "0") i++; // and no digit after it
  else if (!digits()) return { end: i, valid: false };
  if (text[i] === ".") {
    i++;
    if (!digits()) return { end: i, valid: false };
  }
  if (text[i] === "e" || text[i] === "E") {
    i++;
    if (text[i] === "+" || text[i] === "-") i++;
    if (!digits()) return { end: i, valid: false };
  }
  return { end: i, valid: true };
}

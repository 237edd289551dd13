/**
 * WGSL code in TypeScript modules, and what such code declares. Shaders are not files of their own: JSR
 * refuses packages that import text.
 *
 * @module
 */

/** WGSL code. Values are inserted as text; backslashes stay as they are. */
export function wgsl(
  { raw }: TemplateStringsArray,
  ...values: readonly (string | number)[]
): string {
  return String.raw({ raw }, ...values);
}

/** A place in a text: line and column from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** A declaration outside of all functions. */
export interface Declaration extends TextPlace {
  /** `fn`, `struct`, `const`, `var`, `override` or `alias`. */
  readonly keyword: string;
  /** What it declares. */
  readonly name: string;
}

/** What a scan finds. */
export interface WgslScan {
  /** In their order. */
  readonly declarations: readonly Declaration[];
  /** Attributes outside of all functions, such as `group`. */
  readonly attributes: readonly (TextPlace & { readonly name: string })[];
  /** The bracket, or start of a comment, that is never closed. */
  readonly unclosed: (TextPlace & { readonly text: string }) | undefined;
}

const DECLARING: ReadonlySet<string> = new Set([
  "fn",
  "struct",
  "const",
  "var",
  "override",
  "alias",
]);

/** Names, brackets, what an attribute starts with, and comments. */
const TOKEN = /[\p{L}_][\p{L}\p{N}_]*|[{}()[\]@<]|\/\/.*|\/\*|\*\//gu;

/** Scans WGSL code, which need not be valid: the compiler reports errors. */
export function scanWgsl(wgsl: string): WgslScan {
  const declarations: Declaration[] = [];
  const attributes: (TextPlace & { name: string })[] = [];
  const { tokens, openComment } = readTokens(wgsl);
  const open: Token[] = [];
  tokens.forEach((token, index) => {
    const { text } = token;
    if ("{([".includes(text)) open.push(token);
    else if ("})]".includes(text)) open.pop();
    else if (open.length === 0 && text === "@") {
      const name = tokens[index + 1];
      if (name !== undefined) attributes.push({ name: name.text, ...placeOf(wgsl, token.at) });
    } else if (open.length === 0 && DECLARING.has(text)) {
      const name = declaredName(tokens, index, wgsl);
      if (name === undefined) return;
      declarations.push({ keyword: text, name: name.text, ...placeOf(wgsl, name.at) });
    }
  });
  const last = openComment ?? open.at(-1);
  const unclosed = last && { text: last.text, ...placeOf(wgsl, last.at) };
  return { declarations, attributes, unclosed };
}

interface Token {
  readonly text: string;
  /** Characters before it. */
  readonly at: number;
}

/** Tokens outside of comments; block comments nest. */
function readTokens(wgsl: string): { tokens: Token[]; openComment: Token | undefined } {
  const tokens: Token[] = [];
  const comments: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(wgsl); match !== null; match = TOKEN.exec(wgsl)) {
    const token = { text: match[0], at: match.index };
    const isInComment = comments.length > 0;
    if (token.text === "/*") comments.push(token);
    else if (token.text === "*/") comments.pop();
    else if (token.text.startsWith("//")) {
      // The end of a block comment may stand behind `//` within it.
      if (isInComment) TOKEN.lastIndex = token.at + 1;
    } else if (!isInComment) tokens.push(token);
  }
  return { tokens, openComment: comments[0] };
}

/** The name after the keyword; a template may stand between, as in `var<private>`. */
function declaredName(tokens: readonly Token[], index: number, wgsl: string): Token | undefined {
  const next = tokens[index + 1];
  if (next?.text !== "<") return next;
  const end = wgsl.indexOf(">", next.at);
  return end < 0 ? undefined : tokens.find(({ at }) => at > end);
}

function placeOf(text: string, at: number): TextPlace {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

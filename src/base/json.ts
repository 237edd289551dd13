/**
 * JSON of values that are not quite JSON, and how deeply a text is nested, without parsing it.
 *
 * @module
 */

/** Deepest nesting of a request body: far more than parameters need, less than a stack holds. */
export const MAX_JSON_DEPTH = 64;

/** The depth of a text's arrays and objects: 0 for `7`, 1 for `[]`. Strings are skipped. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}

/** What is wrong with the depth of a text; undefined for nothing. */
export function depthProblem(text: string): string | undefined {
  const depth = jsonDepth(text);
  if (depth <= MAX_JSON_DEPTH) return undefined;
  return `is nested ${depth} deep: the limit is ${MAX_JSON_DEPTH}`;
}

/** An object as JSON: bigints as strings, and `{}` for what JSON does not know, such as a circle. */
export function jsonOf(value: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(value, (_key, part) => typeof part === "bigint" ? `${part}` : part);
  } catch {
    return "{}";
  }
}

/**
 * The addresses of models and of the files beside them.
 *
 * @module
 */

import { dirname, isAbsolute, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describeError, ModelError } from "../../base/errors.ts";

/** Where a model is: a path, an `http:`, `https:` or `file:` URL, or its bytes. */
export type ModelSource = string | URL | Uint8Array;

/**
 * The source as a path or URL; undefined for bytes. Throws a {@linkcode ModelError} with `MODEL_NOT_FOUND`
 * for an invalid URL.
 */
export function sourceAddress(source: ModelSource): string | URL | undefined {
  if (source instanceof Uint8Array) return undefined;
  if (typeof source === "string" && !/^(?:https?|file):/i.test(source)) return source;
  try {
    const url = new URL(source);
    return url.protocol === "file:" ? fileURLToPath(url) : url;
  } catch (cause) {
    throw new ModelError(
      "MODEL_NOT_FOUND",
      `Cannot load the model ${source}: ${describeError(cause)}; check its address`,
      { cause, context: { source: String(source) } },
    );
  }
}

/** The last part of a source's address, without credentials and query. */
export function sourceName(source: ModelSource): string {
  const address = sourceAddress(source);
  if (address === undefined) return "(bytes)";
  const path = address instanceof URL ? address.pathname : address;
  return path.split("/").findLast((part) => part !== "") ?? String(address);
}

/**
 * The address of a file that a model names. The name is not trusted: undefined when it lies outside the
 * model's folder.
 */
export function besideModel(address: string | URL, path: string): string | URL | undefined {
  if (path === "") return undefined;
  return address instanceof URL ? besideUrl(address, path) : besidePath(address, path);
}

/** What the text would mean in a URL is not asked: each of its parts is a name. */
function besideUrl(address: URL, path: string): URL | undefined {
  const folder = new URL(".", address).href;
  if (/\\/.test(path)) return undefined; // some servers take it for a slash
  const url = new URL(path.split("/").map(encodeURIComponent).join("/"), address);
  return url.href.startsWith(folder) && url.href !== folder ? url : undefined;
}

function besidePath(address: string, path: string): string | undefined {
  const inside = normalize(path);
  const leaves = isAbsolute(inside) || /^[a-z]+:|^\.\.(?:[/\\]|$)/i.test(inside);
  return leaves || /^\.?[/\\]?$/.test(inside) ? undefined : join(dirname(address), inside);
}

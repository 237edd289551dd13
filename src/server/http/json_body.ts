/**
 * Reading a JSON request body: bounded, of the right type, and with errors that say where.
 *
 * @module
 */

import { concatBytes } from "../../base/bytes.ts";
import { isOfPage } from "../../base/net/page_guard.ts";
import { depthProblem } from "../../base/json.ts";
import { findJsonError } from "./json_error.ts";

/** Most bytes of a request body. */
export const MAX_BODY_BYTES = 1 << 20;

/** Names of UTF-8, and of its part ASCII. */
const UTF8_CHARSETS: ReadonlySet<string> = new Set(["utf-8", "utf8", "us-ascii", "ascii"]);

/** A body that was read, or the status and message to answer. */
export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly status: 400 | 413 | 415; readonly problem: string };

/**
 * Reads the body of a request as JSON, whether or not a content type is declared; `anyType` reads it
 * whatever type is.
 */
export async function readJsonBody(
  request: Request,
  { anyType = false }: { readonly anyType?: boolean } = {},
): Promise<JsonBody> {
  const refused = anyType ? undefined : refuseHeaders(request.headers) ?? refusePage(request);
  if (refused !== undefined) return refused;
  const bytes = await readBounded(request);
  if (bytes === undefined) {
    return { ok: false, status: 413, problem: `body is larger than ${MAX_BODY_BYTES} bytes` };
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return bad("body is not UTF-8 text: send JSON");
  }
  if (text.trim() === "") return bad("body is empty: send a JSON object");
  const tooDeep = depthProblem(text);
  if (tooDeep !== undefined) return bad(`body ${tooDeep}`);
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return bad(`body is not valid JSON: ${describePosition(text, findJsonError(text))}`);
  }
}

function bad(problem: string): JsonBody {
  return { ok: false, status: 400, problem };
}

/**
 * A type that is not JSON is a 400, as the contract has it; JSON in an encoding that is not read
 * here is a 415.
 */
function refuseHeaders(headers: Headers): JsonBody | undefined {
  const type = headers.get("content-type");
  if (type !== null && !isJsonType(type)) {
    return bad(`Content-Type is ${JSON.stringify(type)}: send application/json`);
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(type ?? "")?.[1]?.toLowerCase();
  if (charset !== undefined && !UTF8_CHARSETS.has(charset)) {
    return unsupported(`charset is ${JSON.stringify(charset)}: send UTF-8`);
  }
  const coding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (coding === "" || coding === "identity") return undefined;
  return unsupported(`Content-Encoding is ${JSON.stringify(coding)}: send the body uncompressed`);
}

/** A page can send what has no type without being asked about it: JSON has to say so. */
function refusePage(request: Request): JsonBody | undefined {
  if (!isOfPage(request) || (request.headers.get("content-type") ?? "") !== "") return undefined;
  return bad("Content-Type is missing: send application/json");
}

function unsupported(problem: string): JsonBody {
  return { ok: false, status: 415, problem };
}

function isJsonType(contentType: string): boolean {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  return type === "" || type === "application/json" || /^[a-z]+\/[^\s/]+\+json$/.test(type);
}

/** The bytes of a body; undefined for more than {@linkcode MAX_BODY_BYTES}, whose rest is not read. */
async function readBounded({ body, headers }: Request): Promise<
  Uint8Array<ArrayBuffer> | undefined
> {
  if (Number(headers.get("content-length") ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of body ?? []) {
    byteCount += chunk.length;
    if (byteCount > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

function describePosition(text: string, position: number): string {
  if (position >= text.length) return `it ends too early, at position ${position}`;
  const before = text.slice(0, position).split("\n");
  const column = before.at(-1)!.length + 1;
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(position)!));
  return `unexpected ${found} at position ${position} (line ${before.length}, column ${column})`;
}

/**
 * Reading a JSON request body: bounded, of the right type, and with errors that say where.
 *
 * @module
 */

import type { Clock } from "../../base/mod.ts";
import { depthProblem } from "./json_depth.ts";

/** Most bytes of a request body. */
export const MAX_BODY_BYTES = 1 << 20;

/**
 * Bytes of a refused body that are still read: an answer to a client that is busy sending would be
 * lost with the connection.
 */
const MAX_DRAINED_BYTES = 16 << 20;

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
  const bytes = await readBounded(request.body);
  if (bytes === undefined) {
    return { ok: false, status: 413, problem: `body is larger than ${MAX_BODY_BYTES} bytes` };
  }
  const refused = anyType ? undefined : refuseHeaders(request.headers);
  if (refused !== undefined) return refused;
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

/** Reads a body to its end and forgets it, so that the connection can go on. */
export async function discardBody(request: Request): Promise<void> {
  await readBounded(request.body);
}

/** Reads a body that does not matter, and does not wait for it longer than so. */
export async function discardBodyWithin(
  request: Request,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<void> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  const late = Promise.withResolvers<{ done: true }>();
  const cancel = clock.schedule(timeoutMs, () => late.resolve({ done: true }));
  try {
    while (!(await Promise.race([reader.read(), late.promise])).done);
  } catch {
    // Its client has left.
  } finally {
    cancel();
    reader.cancel().catch(() => {}); // likewise
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

function unsupported(problem: string): JsonBody {
  return { ok: false, status: 415, problem };
}

function isJsonType(contentType: string): boolean {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  return type === "" || type === "application/json" || /^[a-z]+\/[^\s/]+\+json$/.test(type);
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<
  Uint8Array<ArrayBuffer> | undefined
> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of body ?? []) {
    byteCount += chunk.length;
    if (byteCount <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
    if (byteCount > MAX_DRAINED_BYTES) break;
  }
  if (byteCount > MAX_BODY_BYTES) return undefined;
  const bytes = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * The index of the first character at which a text stops being JSON; the text's length where it
 * only ends too early. `JSON.parse` names no position for an unexpected token, but it tells a text
 * that is wrong from one that could go on, so the longest prefix that could go on is searched for.
 */
export function findJsonError(text: string): number {
  let viable = 0;
  let broken = text.length + 1;
  while (broken - viable > 1) {
    const middle = (viable + broken) >> 1;
    if (couldGoOn(text.slice(0, middle))) viable = middle;
    else broken = middle;
  }
  return viable;
}

function couldGoOn(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined
      ? message.includes("end of JSON input")
      : Number(position) >= prefix.length;
  }
}

function describePosition(text: string, position: number): string {
  if (position >= text.length) return `it ends too early, at position ${position}`;
  const before = text.slice(0, position).split("\n");
  const column = before.at(-1)!.length + 1;
  const found = JSON.stringify(String.fromCodePoint(text.codePointAt(position)!));
  return `unexpected ${found} at position ${position} (line ${before.length}, column ${column})`;
}

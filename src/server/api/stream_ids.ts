/**
 * Which stream a request means: LIVEPEER.md section 2, "Several streams".
 *
 * @module
 */

/** Header that orchestrators add to every request. */
export const STREAM_ID_HEADER = "X-Stream-Id";

/** Header of requests that come to a live runner (LIVEPEER.md section 5). */
export const SESSION_ID_HEADER = "Livepeer-Session-Id";

/** Fields of a body that name a stream, the most telling first. */
const ID_FIELDS = ["stream_id", "gateway_request_id"] as const;

/** The ids that a request gives a stream: those of the header, then those of its body. */
export function streamIdsOf(request: Request, body?: unknown): string[] {
  const inBody = isRecord(body) ? ID_FIELDS.map((field) => body[field]) : [];
  const inQuery = ID_FIELDS.map((field) => new URL(request.url).searchParams.get(field));
  const inHeaders = [STREAM_ID_HEADER, SESSION_ID_HEADER].map((name) => request.headers.get(name));
  // One that is no text names a stream, too: none of ours.
  return [...inHeaders, ...inQuery, ...inBody].filter(isThere).map(String);
}

/** A flat body of parameters without the fields that only say which stream it is for. */
export function withoutStreamIds(body: unknown): unknown {
  if (!isRecord(body) || Object.hasOwn(body, "params")) return body;
  const { stream_id: _stream, gateway_request_id: _request, ...params } = body;
  return params;
}

function isThere(id: unknown): boolean {
  return id !== undefined && id !== null && id !== "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Where a publisher begins: TRICKLE.md section 7.2.
 *
 * @module
 */

import { describeError, roomLogger, TrickleError } from "../../base/mod.ts";
import { INDEX_NEXT, LATEST_HEADER, parseDecimal } from "../protocol.ts";
import type { TransportResponse } from "../transport/transport.ts";
import type { PublisherSettings } from "./publisher_options.ts";

const log = roomLogger("trickle");
/** The body of `/next` is a number; more than this is not read. */
const MAX_NEXT_BYTES = 64;

/** The first segment of a publisher. */
export interface PublisherBeginning {
  readonly seq: number;
  /** Whether everything below it is to be closed. */
  readonly reset: boolean;
}

/**
 * Finds out where to begin. Throws a `TrickleError` with `TRICKLE_NOT_FOUND` where the channel does
 * not exist and is not to be created.
 */
export async function findBeginning(
  url: string,
  settings: PublisherSettings,
  signal: AbortSignal,
): Promise<PublisherBeginning> {
  const { start } = settings;
  if (start === "next") return { seq: INDEX_NEXT, reset: false };
  if (typeof start === "number") return { seq: start, reset: false };
  const next = await askNext(url, settings, signal);
  if (next.index !== undefined) return { seq: next.index, reset: true };
  if (next.status === 404 && !settings.autocreate) {
    throw new TrickleError(
      "TRICKLE_NOT_FOUND",
      `Cannot publish to ${url}: the channel does not exist; create it first`,
      { context: { url } },
    );
  }
  return { seq: 0, reset: true };
}

/**
 * What `GET /next` said; a server without that route, or none at all, says no index. Never rejects.
 */
export async function askNext(
  url: string,
  settings: PublisherSettings,
  signal: AbortSignal,
): Promise<{ readonly index?: number; readonly status?: number }> {
  const timeout = new AbortController();
  const cancel = settings.clock.schedule(settings.answerTimeoutMs, () => timeout.abort());
  try {
    const response = await settings.transport.request({
      method: "GET",
      url: `${url}/next`,
      signal: AbortSignal.any([signal, timeout.signal]),
    });
    const text = await readShort(response);
    const { status } = response;
    const latest = parseDecimal(response.headers.get(LATEST_HEADER));
    const index = latest ?? (status === 200 ? parseDecimal(text.trim()) : undefined);
    return index !== undefined && index >= 0 ? { index, status } : { status };
  } catch (error) {
    if (!signal.aborted) {
      const found = describeError(error);
      log.warn("Cannot ask {url}/next where to go on: {error}", { url, error: found });
    }
    return {};
  } finally {
    cancel();
  }
}

async function readShort(response: TransportResponse): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_NEXT_BYTES) break;
  }
  return text;
}

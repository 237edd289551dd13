/**
 * The answers of a trickle server: TRICKLE.md section 5.
 *
 * @module
 */

import { pageProblem, type PageRules } from "../../base/net/page_guard.ts";
import type { Admission } from "./access/access.ts";
import type { Channel } from "./channel.ts";
import { CLOSED_HEADER, LATEST_HEADER, SEQ_HEADER, STATUS_NO_SEGMENT } from "../protocol.ts";

/** An error answer: plain text, never to be parsed. */
export function errorResponse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${message}\n`, {
    status,
    headers: {
      ...headers,
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/**
 * The answer to a POST whose body was not read to its end, so that the connection cannot go on
 * (6.12).
 */
export function unreadBodyResponse(
  status: number,
  message: string,
): Response {
  return errorResponse(status, message, { "Connection": "close" });
}

/** The 470 answer: it echoes the index as requested. */
export function noSegmentResponse(channel: Channel, requested: number): Response {
  const headers = new Headers({
    [LATEST_HEADER]: String(channel.next),
    [SEQ_HEADER]: String(requested),
    "Content-Type": "text/plain; charset=utf-8",
  });
  return new Response("Entry not found", { status: STATUS_NO_SEGMENT, headers });
}

/**
 * What keeps a browser from running what a publisher put into a channel: it does not guess types, and a page
 * gets an origin of its own, without scripts.
 */
export const UNTRUSTED_HEADERS: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "sandbox; default-src 'none'",
};

/** The answer to a page that may not change anything; undefined where it may. */
export function pageRefusal(request: Request, rules: PageRules): Response | undefined {
  const problem = pageProblem(request, rules);
  if (problem === undefined) return undefined;
  const { pathname } = new URL(request.url);
  return unreadBodyResponse(
    problem.status,
    `Cannot ${request.method} ${pathname}: ${problem.reason}`,
  );
}

/** The answer to a request without the right to be answered. */
export function accessRefusal(
  request: Request,
  { status, reason }: Extract<Admission, { kind: "refused" }>,
): Response {
  const { pathname } = new URL(request.url);
  return errorResponse(status, `Cannot ${request.method} ${pathname}: ${reason}`, {
    "Connection": "close",
    ...(status === 401 ? { "WWW-Authenticate": 'Bearer realm="trickle"' } : {}),
  });
}

/** The headers that mark the end of a channel. */
export function closedHeaders(channel: Channel): Record<string, string> {
  return channel.closed ? { [CLOSED_HEADER]: "terminated" } : {};
}

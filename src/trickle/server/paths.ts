/**
 * From the path of a request to what it asks for: TRICKLE.md section 2.
 *
 * @module
 */

import { INDEX_CURRENT, INDEX_NEXT, MAX_INDEX, parseDecimal } from "../protocol.ts";

/** What a path names. */
export type TrickleRoute =
  | { readonly kind: "channel"; readonly name: string }
  | { readonly kind: "segment"; readonly name: string; readonly index: string }
  | { readonly kind: "malformed" }
  | { readonly kind: "none" };

/**
 * Checks and completes a base path: it begins and ends in "/". Throws a `TypeError` if it does not
 * begin so.
 */
export function normalizeBasePath(basePath: string): string {
  if (!basePath.startsWith("/")) {
    throw new TypeError(`Cannot mount a trickle server at "${basePath}": begin the path with "/"`);
  }
  return basePath.endsWith("/") ? basePath : `${basePath}/`;
}

/** What the URL of a request asks for. */
export interface TrickleTarget {
  readonly route: TrickleRoute;
  /** Where a signature would be. */
  readonly query: URLSearchParams;
}

/**
 * A signature at the end of a query, and what a client has added to the URL of a channel: clients in Go and
 * Python do not look for a query, and add the index of a segment to its end.
 */
const ADDED_TO_SIGNATURE = /^(\?.*&sign=[\w-]{43})\/([^/&=]+)$/;

/** Parses the URL of a request below `basePath`. */
export function parseTrickleTarget(url: URL, basePath: string): TrickleTarget {
  const route = parseTrickleRoute(url.pathname, basePath);
  const [, signed, added] = ADDED_TO_SIGNATURE.exec(url.search) ?? [];
  if (route.kind !== "channel" || signed === undefined || added === undefined) {
    return { route, query: url.searchParams };
  }
  const index = decode(added);
  return {
    route: index === undefined
      ? { kind: "malformed" }
      : { kind: "segment", name: route.name, index },
    query: new URLSearchParams(signed),
  };
}

/** Parses a path, still percent-encoded. */
function parseTrickleRoute(pathname: string, basePath: string): TrickleRoute {
  if (!pathname.startsWith(basePath)) return { kind: "none" };
  const parts = pathname.slice(basePath.length).split("/");
  if (parts.length > 2 || parts.some((part) => part === "")) return { kind: "none" };
  const [name, index] = parts.map(decode);
  if (name === undefined || parts.length === 2 && index === undefined) return { kind: "malformed" };
  return index === undefined ? { kind: "channel", name } : { kind: "segment", name, index };
}

/** The index that a GET may ask for, or undefined where the answer is 400 (Q1, Q2, Q4). */
export function parseReadIndex(text: string): number | undefined {
  return parseIndex(text, INDEX_CURRENT);
}

/** The index that a POST may ask for, or undefined. */
export function parseWriteIndex(text: string): number | undefined {
  return parseIndex(text, INDEX_NEXT);
}

/** The index that a DELETE may ask for, or undefined (Q3). */
export function parseDeleteIndex(text: string): number | undefined {
  return parseIndex(text, 0);
}

function parseIndex(text: string, least: number): number | undefined {
  const index = parseDecimal(text);
  return index !== undefined && index >= least && index <= MAX_INDEX ? index : undefined;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined; // A stray "%": the caller answers 400.
  }
}

/**
 * Paths, methods and what answers them.
 *
 * @module
 */

import { discardBody } from "./json_body.ts";
import { failure } from "./responses.ts";

/** Answers one request. */
export type Handler = (request: Request) => Promise<Response> | Response;

/** One endpoint, which may answer at several paths. */
export interface Endpoint {
  readonly method: "GET" | "POST";
  /** Absolute paths, without the server's prefix. */
  readonly paths: readonly string[];
  readonly handler: Handler;
}

/**
 * Brings a prefix into the form `/a/b`, or "" for none. Throws a `RangeError` for one that no
 * request path could have.
 */
export function normalizePrefix(prefix: string): string {
  const parts = prefix.split("/").filter((part) => part !== "");
  const path = parts.map((part) => `/${part}`).join("");
  if (path !== "" && URL.parse(path, "http://localhost")?.pathname !== path) {
    throw new RangeError(
      `Cannot use the prefix ${JSON.stringify(prefix)}: write it as in a URL, such as "/v1"`,
    );
  }
  return path;
}

/**
 * Finds the endpoint for each request: 404 for an unknown path, 405 for a method it does not take.
 */
export class RouteTable {
  readonly #handlers = new Map<string, Map<string, Handler>>();

  /** Builds the table; `prefix` comes before every path. */
  constructor(endpoints: readonly Endpoint[], prefix: string) {
    for (const { method, paths, handler } of endpoints) {
      for (const path of paths) {
        const methods = this.#handlers.get(prefix + path) ?? new Map<string, Handler>();
        methods.set(method, handler);
        if (method === "GET") methods.set("HEAD", handler);
        this.#handlers.set(prefix + path, methods);
      }
    }
  }

  /** Answers a request. */
  async dispatch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const path = pathname.length > 1 && pathname.endsWith("/") ? pathname.slice(0, -1) : pathname;
    const methods = this.#handlers.get(path);
    if (methods === undefined) {
      await discardBody(request);
      return failure(404, `Cannot find ${pathname}: this server answers ${this.#known()}`);
    }
    const handler = methods.get(request.method);
    if (handler !== undefined) return await handler(request);
    await discardBody(request);
    const allowed = [...methods.keys()].join(", ");
    const response = failure(405, `Cannot ${request.method} ${pathname}: use ${allowed}`);
    response.headers.set("Allow", allowed);
    return response;
  }

  #known(): string {
    return [...this.#handlers.keys()].join(", ");
  }
}

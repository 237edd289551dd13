/**
 * Paths, methods and what answers them.
 *
 * @module
 */

import { type RequestHandler, route } from "@std/http/unstable-route";
import { discardBody } from "./json_body.ts";
import { failure } from "./responses.ts";

/** One endpoint, which may answer at several paths. */
export interface Endpoint {
  readonly method: "GET" | "POST";
  /** Absolute paths, without the server's prefix. */
  readonly paths: readonly string[];
  readonly handler: (request: Request) => Promise<Response> | Response;
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
 * A handler that finds the endpoint of each request: 404 for an unknown path, 405 for a method that it
 * does not take. `prefix` comes before every path; a slash at the end makes no difference.
 */
export function createRoutes(endpoints: readonly Endpoint[], prefix: string): RequestHandler {
  const methodsOf = new Map<string, string[]>();
  const routes = endpoints.flatMap(({ method, paths, handler }) =>
    paths.map((path) => {
      const pathname = prefix + path;
      const methods = method === "GET" ? ["GET", "HEAD"] : [method];
      methodsOf.set(pathname, [...methodsOf.get(pathname) ?? [], ...methods]);
      return {
        method: methods,
        pattern: new URLPattern({ pathname: `${literal(pathname)}{/}?` }),
        handler,
      };
    })
  );
  return route(routes, (request) => refuse(request, methodsOf));
}

/** A prefix may hold characters that mean something in a pattern. */
function literal(pathname: string): string {
  return pathname.replace(/[^\w/-]/g, (character) => `\\${character}`);
}

async function refuse(
  request: Request,
  methodsOf: ReadonlyMap<string, readonly string[]>,
): Promise<Response> {
  await discardBody(request);
  const { pathname } = new URL(request.url);
  const methods = methodsOf.get(pathname.replace(/\/$/, ""));
  if (methods === undefined) {
    const known = [...methodsOf.keys()].join(", ");
    return failure(404, `Cannot find ${pathname}: this server answers ${known}`);
  }
  const allowed = methods.join(", ");
  const response = failure(405, `Cannot ${request.method} ${pathname}: use ${allowed}`);
  response.headers.set("Allow", allowed);
  return response;
}

/**
 * Functions of the application around every request.
 *
 * @module
 */

import type { HttpHandler } from "./route_table.ts";

/**
 * Sees a request before the server and its answer afterwards: `next` asks the next one, or at the
 * end the server. One that does not call it answers by itself.
 */
export type Middleware = (
  request: Request,
  next: (request: Request) => Promise<Response>,
) => Response | Promise<Response>;

/** A handler that asks each middleware in order and then `handler`. */
export function withMiddleware(list: readonly Middleware[], handler: HttpHandler): HttpHandler {
  return list.reduceRight<HttpHandler>(
    (next, middleware) => (request) => middleware(request, async (inner) => await next(inner)),
    handler,
  );
}

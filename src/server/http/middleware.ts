/**
 * Functions of the application around every request.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";

/**
 * Sees a request before the server and its answer afterwards: `next` asks the next one, or at the
 * end the server. One that does not call it answers by itself.
 */
export type Middleware = (
  request: Request,
  next: (request: Request) => Promise<Response>,
) => Response | Promise<Response>;

/** The same for Hono. What is passed on may have another URL: the routes are found after that. */
export function ofApplication(middleware: Middleware): MiddlewareHandler {
  return async (context, next) => {
    const response = await middleware(context.req.raw, async (request) => {
      context.req.raw = request;
      await next();
      return context.res;
    });
    context.res = undefined; // whose headers would be added
    context.res = response;
  };
}

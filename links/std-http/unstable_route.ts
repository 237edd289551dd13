/**
 * Routes by URL pattern and method, stand-in for `@std/http/unstable-route`.
 *
 * The real one is unstable: before version 1.1 a route without a method took only GET, now it takes
 * any. Routes that name their methods in capitals mean the same in both, so name them.
 *
 * @module
 */

/** Answers one request, as `Deno.serve` wants it. */
export type RequestHandler = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** Answers a request that matched a route; `params` is the match of its pattern. */
export type Handler = (
  request: Request,
  params: URLPatternResult,
  info?: Deno.ServeHandlerInfo,
) => Response | Promise<Response>;

/** One route. */
export interface Route {
  /** The URLs it takes. */
  pattern: URLPattern;
  /** The method or methods it takes, in any case; any method when absent. */
  method?: string | string[];
  /** What answers. */
  handler: Handler;
}

/** A handler that hands a request to the first route that takes it, else to `defaultHandler`. */
export function route(routes: Route[], defaultHandler: RequestHandler): RequestHandler {
  const entries = routes.map(({ pattern, method, handler }) => ({
    pattern,
    methods: method === undefined ? undefined : upperCaseSet(method),
    handler,
  }));
  return (request, info) => {
    for (const { pattern, methods, handler } of entries) {
      if (methods !== undefined && !methods.has(request.method.toUpperCase())) continue;
      const params = pattern.exec(request.url);
      if (params !== null) return handler(request, params, info);
    }
    return defaultHandler(request, info);
  };
}

function upperCaseSet(method: string | string[]): Set<string> {
  return new Set([method].flat().map((name) => name.toUpperCase()));
}

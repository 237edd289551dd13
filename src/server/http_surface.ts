/**
 * Everything of the server that answers HTTP, put together: CORS around limits, around the
 * application's middleware, around the routes.
 *
 * @module
 */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { pageProblem, type PageRules } from "../base/net/page_guard.ts";
import { type Clock, describeError, roomLogger, withoutCredentials } from "../base/mod.ts";
import { checkToken, TokenGuard } from "./http/auth.ts";
import { BodyBudget } from "./http/body_budget.ts";
import { checkCors, corsHeaders } from "./http/cors.ts";
import { SESSION_ID_HEADER } from "./api/stream_ids.ts";
import { DOCS_PATHS, docsEndpoints } from "./openapi/docs_endpoints.ts";
import { ofApplication } from "./http/middleware.ts";
import type { HttpOptions } from "./http/http_options.ts";
import type { JsonSchema } from "../worker/mod.ts";
import { createOpenApi, type OpenApiDocument } from "./openapi/document.ts";
import {
  BODY_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  type RequestEnvironment,
  requestLimits,
} from "./http/request_limits.ts";
import { failure } from "./http/responses.ts";
import {
  checkCustomRoutes,
  createRoutes,
  type Endpoint,
  type HttpHandler,
} from "./http/route_table.ts";
import { folderHandler, folderPath } from "./http/static_folder.ts";

const log = roomLogger("server");

/** What {@linkcode prepareHttp} puts together. */
export interface HttpSurfaceOptions {
  readonly http: HttpOptions;
  /** The time of requests. */
  readonly clock: Clock;
  /** Address that the server is bound to. */
  readonly hostname: string;
  /** Path before every route, normalized. */
  readonly prefix: string;
  /** Name and version of the application, for the document. */
  readonly title: string;
  readonly version: string;
  /** The built-in endpoints that need no stream. */
  readonly endpoints: readonly Endpoint[];
  /** The paths that {@linkcode OpenHttp} will be given endpoints for. */
  readonly streamPaths: readonly string[];
}

/**
 * Gives the handler of all requests, which does not reject. `paramsSchema` gives the processor's, as far
 * as it is known.
 */
export type OpenHttp = (
  streamEndpoints: readonly Endpoint[],
  paramsSchema: () => JsonSchema | undefined,
) => HttpHandler;

/**
 * Checks the options before anything is opened. Throws a `ConfigError` for a token, routes, folders
 * or CORS options that cannot be used.
 */
export function prepareHttp(options: HttpSurfaceOptions): OpenHttp {
  const { http, prefix, streamPaths, clock } = options;
  const { routes = [], middleware = [], staticFolders = [], token, onUnauthorized } = http;
  const { bodyTimeoutMs = BODY_TIMEOUT_MS, requestTimeoutMs = REQUEST_TIMEOUT_MS } = http;
  const budget = new BodyBudget(http.maxBodiesBytes);
  const cors = http.cors === true ? {} : http.cors || undefined;
  const builtIn = [...options.endpoints.flatMap(({ paths }) => paths), ...streamPaths];
  checkCustomRoutes(routes, [...builtIn, ...DOCS_PATHS]);
  if (token !== undefined) checkToken(token);
  if (cors !== undefined) checkCors(cors);
  const folders = staticFolders.map((folder) => ({
    path: folderPath(folder),
    handler: folderHandler(folder),
  }));
  const { tokenScope: scope = "control" } = http;
  const guard = token === undefined ? undefined : new TokenGuard({ token, scope, onUnauthorized });
  const guarded: TokenGuard["application"] = (handler) => guard?.application(handler) ?? handler;
  return (streamEndpoints, paramsSchema) => {
    const described: Endpoint[] = [...streamEndpoints, ...options.endpoints];
    const documented = (): readonly Endpoint[] => guard?.endpoints(described) ?? described;
    described.push(...docsEndpoints(() => describe(options, documented(), paramsSchema())));
    const routed = createRoutes({
      endpoints: documented(),
      routes: routes.map((route) => ({ ...route, handler: guarded(route.handler) })),
      folders: folders.map((folder) => ({ ...folder, handler: guarded(folder.handler) })),
      prefix,
    });
    const app = new Hono<RequestEnvironment>();
    app.onError(answerError);
    // Around all of it: a page may read what went wrong, too.
    if (cors !== undefined) app.use(corsHeaders(cors));
    app.use(pageGuard(pageRules(options)));
    app.use(requestLimits({ bodyTimeoutMs, requestTimeoutMs, clock, budget }));
    for (const each of middleware) app.use(ofApplication(each));
    app.all("*", async (context) => await routed(context.req.raw));
    return withUrl(async (request) => await app.fetch(request));
  };
}

function describe(
  { title, version, prefix, http }: HttpSurfaceOptions,
  endpoints: readonly Endpoint[],
  paramsSchema: JsonSchema | undefined,
): OpenApiDocument {
  return createOpenApi({
    title,
    version,
    prefix,
    endpoints,
    routes: http.routes ?? [],
    hasToken: http.token !== undefined,
    areRoutesSecured: http.tokenScope === "all",
    paramsSchema,
  });
}

function pageRules({ http, hostname }: HttpSurfaceOptions): PageRules {
  const { cors = false, allowOrigins = [], allowHosts = [], token } = http;
  const ofCors = typeof cors === "object" ? cors.origins ?? "*" : cors ? "*" : [];
  const isAny = ofCors === "*" || allowOrigins === "*";
  return {
    allowOrigins: isAny ? "*" : [...ofCors, ...allowOrigins],
    allowHosts: [hostname, ...allowHosts],
    hasSecret: token !== undefined,
    // A client of a live runner may be a page (LIVEPEER.md section 5).
    proxyHeader: SESSION_ID_HEADER,
  };
}

/** Refuses what pages may not do, before anything of the body is read. */
function pageGuard(rules: PageRules): MiddlewareHandler {
  return async (context, next) => {
    const { raw: request } = context.req;
    const problem = pageProblem(request, rules);
    if (problem === undefined) return await next();
    await request.body?.cancel();
    const { pathname } = new URL(request.url);
    const { status, reason } = problem;
    const response = failure(status, `Cannot ${request.method} ${pathname}: ${reason}`);
    if (request.body !== null) response.headers.set("Connection", "close");
    return response;
  };
}

/** A request whose URL cannot be read is not routed. */
function withUrl(handler: HttpHandler): HttpHandler {
  return (request) =>
    URL.canParse(request.url)
      ? handler(request)
      : failure(400, "Cannot read the request: its Host header is no host; send another");
}

/** The last boundary: what a handler threw is ours or the application's fault, not the client's. */
function answerError(error: Error, context: Context<RequestEnvironment>): Response {
  // The client's: the limits say so.
  if (context.var.body?.fault === undefined) {
    log.error("{method} {pathname} failed: {reason}", {
      method: context.req.method,
      pathname: new URL(context.req.url).pathname,
      reason: withoutCredentials(describeError(error)),
    });
  }
  return failure(500, "Cannot answer: the server failed; its log says why");
}

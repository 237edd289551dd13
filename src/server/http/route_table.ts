/**
 * Paths, methods and what answers them.
 *
 * @module
 */

import { Hono } from "hono";
import { ConfigError } from "../../base/mod.ts";
import type { EndpointDoc } from "../openapi/endpoint_doc.ts";
import { failure } from "./responses.ts";

/** The methods that a route may take; HEAD comes with GET. */
export type RouteMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

const METHODS: readonly RouteMethod[] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** The parts of a path that matched `:name`, decoded. */
export type PathParams = Readonly<Record<string, string>>;

/** Answers a request whose method and path a route matched. */
export type RouteHandler = (request: Request, params: PathParams) => Response | Promise<Response>;

/** Answers any request. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/** One endpoint, which may answer at several paths. */
export interface Endpoint {
  readonly method: "GET" | "POST";
  /** Absolute paths, without the server's prefix. */
  readonly paths: readonly string[];
  readonly handler: (request: Request) => Promise<Response> | Response;
  /** Whether the server's token is needed, where there is one. @default {false} */
  readonly secured?: boolean;
  /** What `/openapi.json` says of it; without it, the endpoint is not in the document. */
  readonly doc?: EndpointDoc;
}

/** A route of the application that runs the server. */
export interface CustomRoute {
  /** One method or several; GET answers HEAD as well. @default {"GET"} */
  readonly method?: RouteMethod | readonly RouteMethod[];
  /**
   * Absolute path without the server's prefix: `/faces/:id`; `*` as the last part matches any rest.
   */
  readonly path: string;
  readonly handler: RouteHandler;
  /** What `/openapi.json` says of it; without it, the route is not in the document. */
  readonly doc?: EndpointDoc;
}

/** What is answered where, in the order in which it is asked. */
export interface RouteTable {
  readonly endpoints: readonly Endpoint[];
  readonly routes: readonly CustomRoute[];
  /** Path prefixes whose files are served: `/static` and what is below it. */
  readonly folders: readonly { readonly path: string; readonly handler: FolderHandler }[];
  /** Path before every route. */
  readonly prefix: string;
}

/** Answers for a file; `path` is the part of the URL below the folder's, as it was sent. */
export type FolderHandler = (request: Request, path: string) => Response | Promise<Response>;

/**
 * Brings a prefix into the form `/a/b`, or "" for none. Throws a `RangeError` for one that no
 * request path could have.
 */
export function normalizePrefix(prefix: string): string {
  const parts = prefix.split("/").filter((part) => part !== "");
  const path = parts.map((part) => `/${part}`).join("");
  if (path !== "" && URL.parse(path, "http://localhost")?.pathname !== path || /[:*%]/.test(path)) {
    throw new RangeError(
      `Cannot use the prefix ${JSON.stringify(prefix)}: write it as in a URL, such as "/v1"`,
    );
  }
  return path;
}

/** The methods of a route, as an array. */
export function methodsOf(route: CustomRoute): readonly RouteMethod[] {
  return typeof route.method === "object" ? route.method : [route.method ?? "GET"];
}

/**
 * A handler that finds the endpoint of each request: 404 for an unknown path, 405 for a method that
 * it does not take. A slash at the end makes no difference.
 */
export function createRoutes({ endpoints, routes, folders, prefix }: RouteTable): HttpHandler {
  const app = new Hono({ strict: false });
  const known: string[] = [];
  for (const { method, paths, handler } of endpoints) {
    for (const path of paths) app.on(method, prefix + path, (context) => handler(context.req.raw));
    known.push(...paths.map((path) => prefix + path));
  }
  for (const route of routes) {
    app.on([...methodsOf(route)], prefix + route.path, async (context) => {
      const response = await route.handler(context.req.raw, context.req.param());
      // A HEAD that is answered as a GET has a body that nobody will read.
      if (context.req.raw.method === "HEAD") await response.body?.cancel();
      return response;
    });
    known.push(prefix + route.path);
  }
  for (const folder of folders) {
    const path = prefix + folder.path;
    app.get(`${path}/*`, (context) => {
      const { pathname } = new URL(context.req.url);
      return folder.handler(context.req.raw, pathname.slice(path.length));
    });
    known.push(`${path}/*`);
  }
  app.notFound((context) => refuse(context.req.raw, app, [...new Set(known)]));
  app.onError((error) => {
    throw error; // the server's own handler logs it and answers
  });
  return (request) => app.fetch(request);
}

function refuse(request: Request, app: Hono, known: readonly string[]): Response {
  const { pathname } = new URL(request.url);
  const bare = pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname;
  const methods = METHODS.filter((method) => app.router.match(method, bare)[0].length > 0);
  if (methods.length === 0) {
    return failure(404, `Cannot find ${pathname}: this server answers ${known.join(", ")}`);
  }
  const allowed = methods.flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]).join(", ");
  const response = failure(405, `Cannot ${request.method} ${pathname}: use ${allowed}`);
  response.headers.set("Allow", allowed);
  return response;
}

/**
 * Refuses routes that could not be reached or would hide what orchestrators call. Throws a
 * `ConfigError` that names the route. A route that ends in `*` comes after the built-in ones.
 */
export function checkCustomRoutes(
  routes: readonly CustomRoute[],
  builtInPaths: readonly string[],
): void {
  for (const route of routes) {
    const { path } = route;
    if (!/^\/[^?#\s]*$/.test(path) || /\*(?!$)|\*\*|[^/]\*$/.test(path)) {
      throw badRoute(path, "write it from the first slash on, as /faces/:id or /files/*");
    }
    const methods = methodsOf(route);
    const unknown = methods.find((method) => !METHODS.includes(method));
    if (unknown !== undefined || methods.length === 0) {
      throw badRoute(path, `its method is ${unknown ?? "none"}; use ${METHODS.join(", ")}`);
    }
    if (path.endsWith("/*")) continue;
    const hidden = builtInPaths.find((builtIn) => covers(path, builtIn));
    if (hidden !== undefined) throw badRoute(path, `the server answers ${hidden}; choose another`);
  }
}

function covers(pattern: string, path: string): boolean {
  const probe = new Hono({ strict: false });
  probe.get(pattern, (context) => context.body(null));
  return probe.router.match("GET", path)[0].length > 0;
}

function badRoute(path: string, reason: string): ConfigError {
  const message = `Cannot add the route ${JSON.stringify(path)}: ${reason}`;
  return new ConfigError("CONFIG_INVALID", message, { context: { path } });
}

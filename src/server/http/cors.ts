/**
 * Which web pages of other origins may call the server.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { ConfigError } from "../../base/mod.ts";

/** What pages of other origins may do. */
export interface CorsOptions {
  /** Origins such as `https://app.example`; "*" for all. @default {"*"} */
  readonly origins?: "*" | readonly string[];
  /** @default {["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]} */
  readonly methods?: readonly string[];
  /** Request headers; none means those that the browser asks for. @default {[]} */
  readonly headers?: readonly string[];
  /** Whether cookies and the like are sent; needs named origins. @default {false} */
  readonly credentials?: boolean;
  /** How long a browser may remember the answer, in seconds. @default {600} */
  readonly maxAge?: number;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** Throws a `ConfigError` for options that browsers would refuse. */
export function checkCors({ origins = "*", credentials = false }: CorsOptions): void {
  if (credentials && (origins === "*" || origins.includes("*"))) {
    throw badOption("credentials need named origins; list them in origins");
  }
  const wrong = origins === "*" ? undefined : origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined) {
    throw badOption(`${JSON.stringify(wrong)} is no origin; write it as https://app.example`);
  }
}

/** Answers preflight requests and adds the headers of CORS to other answers. */
export function corsHeaders(options: CorsOptions): MiddlewareHandler {
  const { origins = "*", methods = METHODS, headers = [], credentials = false, maxAge = 600 } =
    options;
  return cors({
    origin: origins === "*" || origins.includes("*") ? "*" : [...origins],
    allowMethods: [...methods],
    allowHeaders: [...headers],
    credentials,
    maxAge,
  });
}

function isOrigin(text: string): boolean {
  return text === "*" || URL.parse(text)?.origin === text;
}

function badOption(reason: string): ConfigError {
  return new ConfigError("CONFIG_INVALID", `Cannot set up CORS: ${reason}`);
}

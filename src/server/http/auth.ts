/**
 * The token that orchestrators send: specs/LIVEPEER.md section 2.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError, describeError, roomLogger } from "../../base/mod.ts";
import { failure } from "./responses.ts";
import type { Endpoint } from "./route_table.ts";

const log = roomLogger("server");

/** How {@linkcode secureEndpoints} guards. */
export interface AuthOptions {
  /** What `Authorization: Bearer` must carry. */
  readonly token: string;
  /** Called after each 401, since an orchestrator that got one drops the worker. */
  readonly onUnauthorized?: (() => void) | undefined;
}

/** Throws a `ConfigError` for a token that no header could carry; it does not say which it was. */
export function checkToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  const found = token === "" ? "it is empty" : "it has characters that no header can carry";
  const advice = "use letters, digits and signs, without spaces";
  throw new ConfigError("CONFIG_INVALID", `Cannot use the token: ${found}; ${advice}`);
}

/** Endpoints of which the secured ones ask for the token. */
export function secureEndpoints(endpoints: readonly Endpoint[], options: AuthOptions): Endpoint[] {
  const expected = digest(options.token);
  return endpoints.map((endpoint) => {
    if (endpoint.secured !== true) return endpoint;
    const handler = async (request: Request): Promise<Response> =>
      carriesToken(request, expected)
        ? await endpoint.handler(request)
        : refuse(request, options.onUnauthorized);
    return { ...endpoint, handler };
  });
}

/** Compares digests: their equal length makes a comparison in constant time possible. */
function carriesToken(request: Request, expected: Uint8Array): boolean {
  const match = /^bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "");
  return timingSafeEqual(digest(match?.[1] ?? ""), expected);
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function refuse(request: Request, onUnauthorized?: () => void): Response {
  const given = request.headers.has("authorization") ? "a wrong one was sent" : "none was sent";
  const response = failure(401, `Cannot ${request.method}: a token is needed and ${given}`);
  response.headers.set("WWW-Authenticate", 'Bearer realm="runnel"');
  try {
    onUnauthorized?.();
  } catch (error) {
    log.error("onUnauthorized failed: {reason}", { reason: describeError(error) });
  }
  return response;
}

/**
 * The token that orchestrators send: specs/LIVEPEER.md section 2. Hono's `bearerAuth` answers 400 to a token
 * with signs such as `!`; here each wrong token is a 401, which is what orchestrators act on.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError, describeError, roomLogger } from "../../base/mod.ts";
import { failure } from "./responses.ts";
import type { Endpoint } from "./route_table.ts";

const log = roomLogger("server");

/** What the token is asked for: starting, changing, stopping and looking at streams, or everything. */
export type TokenScope = "control" | "all";

/** How {@linkcode TokenGuard} guards. */
export interface AuthOptions {
  /** What `Authorization: Bearer` must carry. */
  readonly token: string;
  readonly scope: TokenScope;
  /** Called after each 401 of a control route: an orchestrator that got one drops the worker. */
  readonly onUnauthorized?: (() => void) | undefined;
}

/** What answers without a token in any scope: probes have none, and learn one word. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/health", "/livez", "/readyz"]);

/** Throws a `ConfigError` for a token that no header could carry; it does not say which it was. */
export function checkToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  const found = token === "" ? "it is empty" : "it has characters that no header can carry";
  const advice = "use letters, digits and signs, without spaces";
  throw new ConfigError("CONFIG_INVALID", `Cannot use the token: ${found}; ${advice}`);
}

/** Asks for a token. */
export class TokenGuard {
  readonly #options: AuthOptions;
  readonly #expected: Uint8Array;

  /** Keeps a digest of the token. */
  constructor(options: AuthOptions) {
    this.#options = options;
    this.#expected = digest(options.token);
  }

  /** Endpoints of which those that the scope covers are secured and ask for the token. */
  endpoints(endpoints: readonly Endpoint[]): Endpoint[] {
    const { scope, onUnauthorized } = this.#options;
    return endpoints.map((endpoint) => {
      const isOpen = endpoint.paths.some((path) => OPEN_PATHS.has(path));
      const isControl = endpoint.secured === true;
      if (!isControl && (scope === "control" || isOpen)) return endpoint;
      const handler = async (request: Request): Promise<Response> =>
        this.#refusal(request, isControl ? onUnauthorized : undefined) ??
          await endpoint.handler(request);
      return { ...endpoint, secured: true, handler };
    });
  }

  /** A handler of the application, of a route or a folder, that asks for the token in the scope `all`. */
  application<Rest>(handler: ApplicationHandler<Rest>): ApplicationHandler<Rest> {
    if (this.#options.scope !== "all") return handler;
    return async (request, rest) =>
      this.#refusal(request, undefined) ?? await handler(request, rest);
  }

  #refusal(request: Request, onUnauthorized: (() => void) | undefined): Response | undefined {
    return carriesToken(request, this.#expected) ? undefined : refuse(request, onUnauthorized);
  }
}

/** What answers for the application: `rest` is what its path brought. */
type ApplicationHandler<Rest> = (request: Request, rest: Rest) => Response | Promise<Response>;

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

/**
 * How the HTTP side of a `StreamServer` is set up.
 *
 * @module
 */

import type { ConnectionLimits } from "../../base/net/connection_limits.ts";
import type { PortPatience } from "../../base/net/http_port.ts";
import type { TokenScope } from "./auth.ts";
import type { CorsOptions } from "./cors.ts";
import type { LifecycleHook } from "../lifecycle_hooks.ts";
import type { Middleware } from "./middleware.ts";
import type { CustomRoute } from "./route_table.ts";
import type { StaticFolder } from "./static_folder.ts";

/** Options of the HTTP side. */
export interface HttpOptions {
  /**
   * Routes of the application, below the prefix. One that hides a built-in path is a `ConfigError`.
   */
  readonly routes?: readonly CustomRoute[];
  /** Functions around every request, the first outermost. */
  readonly middleware?: readonly Middleware[];
  /** Folders whose files are served, asked after all routes. */
  readonly staticFolders?: readonly StaticFolder[];
  /** Which pages of other origins may call the server; true for all. @default {false} */
  readonly cors?: boolean | CorsOptions;
  /**
   * Origins of pages that may send requests which change something, beside those of `cors` and of the server
   * itself; "*" for all. @default {[]}
   */
  readonly allowOrigins?: "*" | readonly string[];
  /**
   * Host names that pages of the server are loaded from, where there is no token: addresses, names without
   * a dot and private ones (`.local`, `.internal`) need not be named. @default {[]}
   */
  readonly allowHosts?: readonly string[];
  /** Run in order before the server listens; one that fails fails the start. */
  readonly onStartup?: readonly LifecycleHook[];
  /**
   * Run in order after the streams have ended, each for at most five seconds; a failure is logged.
   * They run where a startup hook failed as well.
   */
  readonly onShutdown?: readonly LifecycleHook[];
  /**
   * Token that start, params, stop and status ask for, as `Authorization: Bearer`; for other paths see
   * `tokenScope`.
   */
  readonly token?: string;
  /**
   * What the token is asked for: `control` is what start, params, stop and status do; `all` is everything but
   * `/health`, `/livez` and `/readyz`, also the routes and folders of the application.
   * @default {"control"}
   */
  readonly tokenScope?: TokenScope;
  /** Called after each 401: orchestrators drop a worker that gives one. */
  readonly onUnauthorized?: () => void;
  /** How long a body may take to arrive, in milliseconds, before a 408. @default {30_000} */
  readonly bodyTimeoutMs?: number;
  /**
   * How long an answer may take, in milliseconds, before a 504; where there is a body, after
   * the time that it may take. @default {30_000}
   */
  readonly requestTimeoutMs?: number;
  /**
   * Most bytes of all request bodies together, counted until each is answered: beyond it a request is
   * answered with 503 and `Retry-After`. A stream endpoint takes 1 MiB of it, a route of the application as
   * much as it is sent. @default {67_108_864}
   */
  readonly maxBodiesBytes?: number;
  /** How many connections there may be, and how long one may say nothing. */
  readonly connectionLimits?: Partial<ConnectionLimits>;
  /** How long a port that takes no connections any more is waited for before the server fails. */
  readonly portPatience?: PortPatience;
  /** `pipeline` of `/version` and of `status` events. @default {"byoc"} */
  readonly pipeline?: string;
  /** `model_id` of `/version`. @default {capabilityName} */
  readonly modelId?: string;
  /** `version` of `/version`. @default {the version of Runnel} */
  readonly version?: string;
  /** What `/app-version` says. @default {"0.0.0"} */
  readonly appVersion?: string;
}

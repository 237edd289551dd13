/**
 * How a `StreamServer` is set up.
 *
 * @module
 */

import type { Registration } from "../livepeer/mod.ts";
import type { WorkerOptions } from "../worker/mod.ts";
import type { HttpOptions } from "./http/http_options.ts";

/** Options of a `StreamServer`. */
export interface StreamServerOptions extends HttpOptions, WorkerOptions {
  /** Port to listen on; 0 takes a free one. @default {8000} */
  readonly port?: number;
  /** Address to bind. @default {"0.0.0.0"} with a token, else {"127.0.0.1"} */
  readonly host?: string;
  /** Path before every route, such as `/v1`. @default {""} */
  readonly prefix?: string;
  /** Name under which orchestrators know this worker. @default {"runnel"} */
  readonly capabilityName?: string;
  /**
   * Makes the worker known to an orchestrator from the time on when it is ready, and takes it back when it
   * stops. Owned by the server. @default none
   */
  readonly registration?: Registration | undefined;
  /** Stops the server when it aborts. */
  readonly signal?: AbortSignal;
}

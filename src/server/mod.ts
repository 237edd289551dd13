/**
 * The worker's HTTP side: requests of a gateway or orchestrator come in, streams start, change and
 * stop. Frames never come here.
 *
 * @module
 */

export type { ConnectionLimits } from "../base/net/connection_limits.ts";
export type { PortPatience } from "../base/net/http_port.ts";
export type { TokenScope } from "./http/auth.ts";
export type { CorsOptions } from "./http/cors.ts";
export type { HttpOptions } from "./http/http_options.ts";
export { InterruptGuard } from "../base/mod.ts";
export type { LifecycleHook } from "./lifecycle_hooks.ts";
export type { Middleware } from "./http/middleware.ts";
export type { AnswerDoc, EndpointDoc, ParameterDoc } from "./openapi/endpoint_doc.ts";
export type { StreamServerOptions } from "./options.ts";
export type {
  CurrentState,
  HealthStatus,
  StatusBody,
  StatusMetrics,
  StreamStatusBody,
} from "./api/pipeline_status.ts";
export type { ErrorBody, SuccessBody } from "./http/responses.ts";
export type { CustomRoute, PathParams, RouteHandler, RouteMethod } from "./http/route_table.ts";
export type { StaticFolder } from "./http/static_folder.ts";
export { StreamServer } from "./stream_server.ts";

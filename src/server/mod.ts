/**
 * The worker's HTTP side: requests of a gateway or orchestrator come in, sessions start, change and
 * stop. Frames never come here.
 *
 * @module
 */

export type { StreamSession } from "./active_stream.ts";
export type { CorsOptions } from "./cors.ts";
export type { HttpOptions } from "./http_options.ts";
export { InterruptGuard } from "./interrupt.ts";
export { ISOLATED_STREAM_COMMAND } from "./isolation/link.ts";
export { serveStream } from "./isolation/stream_process.ts";
export type { IsolationKind } from "./isolation/isolated_host.ts";
export type { ProcessorModule } from "./isolation/messages.ts";
export { type Admission, admitByLag, type WorkerLoad } from "./load_monitor.ts";
export type { LifecycleHook } from "./lifecycle_hooks.ts";
export type { Middleware } from "./middleware.ts";
export type { AnswerDoc, EndpointDoc, ParameterDoc } from "./openapi_types.ts";
export type { StreamServerOptions } from "./options.ts";
export type {
  CurrentState,
  HealthStatus,
  StatusBody,
  StatusMetrics,
  StreamStatusBody,
} from "./pipeline_status.ts";
export type { ErrorBody, SuccessBody } from "./responses.ts";
export type { CustomRoute, PathParams, RouteHandler, RouteMethod } from "./route_table.ts";
export type { StaticFolder } from "./static_folder.ts";
export { StreamServer } from "./stream_server.ts";

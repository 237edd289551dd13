/**
 * The worker's HTTP side: requests of a gateway or orchestrator come in, sessions start, change and
 * stop. Frames never come here.
 *
 * @module
 */

export type { StreamSession } from "./active_stream.ts";
export { InterruptGuard } from "./interrupt.ts";
export type { IsolationKind } from "./isolation/isolated_host.ts";
export type { ProcessorModule } from "./isolation/messages.ts";
export { type Admission, admitByLag, type WorkerLoad } from "./load_monitor.ts";
export type { StreamServerOptions } from "./options.ts";
export type {
  CurrentState,
  HealthStatus,
  StatusBody,
  StatusMetrics,
  StreamStatusBody,
} from "./pipeline_status.ts";
export type { ErrorBody, SuccessBody } from "./responses.ts";
export { StreamServer } from "./stream_server.ts";

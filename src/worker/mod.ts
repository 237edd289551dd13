/**
 * Streams from start to end: one owner each, the processors they run on, where those run (this thread, a
 * thread, a process), and whether another stream may start. HTTP is not known here.
 *
 * @module
 */

export { type Admission, admitByLag, type WorkerLoad } from "./admission.ts";
export type { HostState } from "./hosts/stream_host.ts";
export type { IsolationFault } from "./isolation/isolated_host.ts";
export { COMMON_VARIABLES, PROCESS_VARIABLES } from "./isolation/process/environment.ts";
export { moduleFiles } from "./isolation/process/module_files.ts";
export { PERMISSION_KINDS, type ProcessorPermissions } from "./isolation/process/permissions.ts";
export { ISOLATED_STREAM_COMMAND } from "./isolation/process/process_link.ts";
export { serveStream } from "./isolation/process/stream_process.ts";
export { type JsonSchema, toJsonSchema } from "./json_schema.ts";
export { Stream, type StreamRequest, type StreamSession } from "./stream.ts";
export { type LedgerFigures, type RejectReason, StreamLedger } from "./stream_ledger.ts";
export * from "./stream_params.ts";
export * from "./stream_worker.ts";
export type { IsolationKind, ProcessorModule, WorkerOptions } from "./worker_options.ts";

/**
 * One live stream from start to stop: segments in, frames through the processor, segments out. Queues,
 * frame rate, A/V sync, errors, metrics and the clean stop live here; HTTP does not.
 *
 * @module
 */

export type { TlsOptions } from "../trickle/mod.ts";
export * from "./latency_histograms.ts";
export * from "./open_file_session.ts";
export * from "./open_trickle_session.ts";
export * from "./session.ts";
export { gpuFigures } from "./stream_meters.ts";
export * from "./trickle_client.ts";
export * from "./types.ts";

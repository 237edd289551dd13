/**
 * One live stream from start to stop: segments in, frames through the processor, segments out. Queues,
 * frame rate, A/V sync, errors, metrics and the clean stop live here; HTTP does not.
 *
 * @module
 */

export {
  type Clock,
  createTransport,
  NotConnectedError,
  systemClock,
  type TlsOptions,
  type Transport,
  type TransportOptions,
  type TransportRequest,
  type TransportResponse,
} from "../trickle/mod.ts";
export {
  activityOf,
  endFfmpeg,
  ffmpegBelow,
  type ProcessActivity,
  processTree,
  runningFfmpegPids,
  takeWantedPids,
  tellActivities,
  type WarmFigures,
} from "../media/codec/mod.ts";
export { type AbandonedStream, abandonStream } from "./channels/abandon_stream.ts";
export * from "./telemetry/latency_histograms.ts";
export * from "./telemetry/stream_counters.ts";
export * from "./telemetry/stream_counts.ts";
export { checkDataText } from "./channels/data_channel.ts";
export {
  checkLoadingUpdate,
  type LoadingUpdate,
  type OverlayMode,
  type OverlayOptions,
} from "./video/loading_overlay.ts";
export * from "./open_file_session.ts";
export * from "./open_trickle_session.ts";
export { safeListener } from "./safe_listener.ts";
export * from "./session.ts";
export * from "./channels/side_channels.ts";
export { gpuFigures } from "./telemetry/stream_meters.ts";
export type { StreamHealth, StreamStatus } from "./channels/stream_status.ts";
export * from "./client/trickle_client.ts";
export {
  checkEncoder,
  ENCODER_PRESETS,
  type EncoderPreset,
  type EncoderSettings,
  findHardware,
  type HardwareWish,
  type VideoHardware,
} from "../media/codec/mod.ts";
export { isActive, nextState, type StreamState } from "./stream_state.ts";
export { MAX_PROGRAM_NUMBER } from "./stream_settings.ts";
export * from "./types.ts";
export { WarmCodecs, type WarmCodecsOptions } from "./warm_codecs.ts";

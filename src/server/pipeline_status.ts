/**
 * How the server describes itself: every answer derives from the one {@linkcode PipelineState}.
 *
 * @module
 */

import { withoutCredentials } from "../base/mod.ts";
import type { SessionMetrics } from "../session/mod.ts";
import type { ActiveStream } from "./active_stream.ts";

/** What `/health` says. */
export type HealthStatus = "LOADING" | "IDLE" | "OK" | "ERROR";

/** Where the processor's initialization is. */
export type PipelineState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string };

/** `current_state` of the answers to start, params and stop. */
export interface CurrentState {
  readonly state: HealthStatus;
  readonly pipeline_state: "LOADING" | "READY" | "ERROR";
  /** Whether the processor is initialized. */
  readonly pipeline_ready: boolean;
  /** Whether initialization is over, one way or the other. */
  readonly startup_complete: boolean;
  readonly active_streams: number;
  /** Whether a stream exists, and whether one is not yet stopping. */
  readonly client_active: boolean;
  readonly client_running: boolean;
  /** Why initialization failed, or else why the last stream did; null for neither. */
  readonly error_message: string | null;
}

/** Body of `GET /api/stream/status`. */
export interface StatusBody extends CurrentState {
  /** The same as `state`. */
  readonly status: HealthStatus;
  readonly fps: SessionMetrics["fps"];
  /** Null while no stream is active. */
  readonly current_params: {
    readonly subscribe_url: string | null;
    readonly publish_url: string | null;
    readonly gateway_request_id: string;
  } | null;
  /** Figures of the active stream, else of the last one; `{}` before the first. */
  readonly metrics: Partial<StatusMetrics>;
}

/**
 * Figures of a stream under `metrics`, with what the processor's `getMetrics()` says of the GPU.
 */
export interface StatusMetrics extends SessionMetrics {
  readonly gpu_memory_mb: number | null;
}

/** What a server knows when it is asked. */
export interface ServerSnapshot {
  readonly pipeline: PipelineState;
  readonly streams: readonly ActiveStream[];
  /** Why the last stream failed, if it did. */
  readonly lastError: string | undefined;
  /** Figures of the last stream that ended. */
  readonly lastMetrics: SessionMetrics | undefined;
}

const NO_FPS: SessionMetrics["fps"] = Object.freeze({
  ingress_video_fps: 0,
  ingress_audio_fps: 0,
  egress_video_fps: 0,
  egress_audio_fps: 0,
});

/** The health of a server. */
export function healthOf({ pipeline, streams }: ServerSnapshot): HealthStatus {
  switch (pipeline.kind) {
    case "loading":
      return "LOADING";
    case "failed":
      return "ERROR";
    case "ready":
      return streams.length > 0 ? "OK" : "IDLE";
  }
}

/** The state of a server, without figures. */
export function currentStateOf(snapshot: ServerSnapshot): CurrentState {
  const { pipeline, streams, lastError } = snapshot;
  const names = { loading: "LOADING", ready: "READY", failed: "ERROR" } as const;
  return {
    state: healthOf(snapshot),
    pipeline_state: names[pipeline.kind],
    pipeline_ready: pipeline.kind === "ready",
    startup_complete: pipeline.kind !== "loading",
    active_streams: streams.length,
    client_active: streams.length > 0,
    client_running: streams.some((stream) => stream.running),
    error_message: shown(pipeline.kind === "failed" ? pipeline.reason : lastError),
  };
}

/** The whole status of a server that runs one stream at a time. */
export function statusOf(snapshot: ServerSnapshot): StatusBody {
  const state = currentStateOf(snapshot);
  const stream = snapshot.streams[0];
  const metrics = stream?.metrics() ?? snapshot.lastMetrics;
  return {
    status: state.state,
    ...state,
    fps: stream === undefined || metrics === undefined ? NO_FPS : metrics.fps,
    current_params: stream === undefined ? null : {
      subscribe_url: shown(stream.request.subscribe_url),
      publish_url: shown(stream.request.publish_url),
      gateway_request_id: stream.id,
    },
    metrics: metrics === undefined
      ? {}
      : { ...metrics, gpu_memory_mb: numberOrNull(metrics.processor["gpu_memory_mb"]) },
  };
}

function shown(text: string | undefined): string | null {
  return text === undefined ? null : withoutCredentials(text);
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

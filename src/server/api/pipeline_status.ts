/**
 * How the server describes itself: every answer derives from one {@linkcode WorkerSnapshot}.
 *
 * @module
 */

import { withoutCredentials } from "../../base/credentials.ts";
import { jsonOf } from "../../base/json.ts";
import type { SessionMetrics, StreamParams, StreamState } from "../../session/mod.ts";
import { isActive } from "../../session/mod.ts";
import type { Stream, WorkerSnapshot } from "../../worker/mod.ts";

/** What `/health` says. */
export type HealthStatus = "LOADING" | "IDLE" | "OK" | "ERROR";

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
  /** Figures of the stream, else of the last one; `{}` before the first, and for several. */
  readonly metrics: Partial<StatusMetrics>;
  /** Most streams at once. */
  readonly capacity: number;
  /** Every stream that has not ended, oldest first. */
  readonly streams: readonly StreamStatusBody[];
}

/** One of the streams in a {@linkcode StatusBody}. */
export interface StreamStatusBody {
  /** `gateway_request_id` of its start. */
  readonly stream_id: string;
  /** Other ids that it goes by. */
  readonly aliases: readonly string[];
  readonly state: StreamState;
  /** When it started: ISO 8601. */
  readonly started_at: string;
  readonly fps: SessionMetrics["fps"];
  readonly current_params: NonNullable<StatusBody["current_params"]>;
  /** The parameters of the stream as they are now. */
  readonly params: StreamParams;
  readonly metrics: StatusMetrics;
}

/**
 * Figures of a stream under `metrics`, with what the processor's `getMetrics()` says of the GPU.
 */
export interface StatusMetrics extends SessionMetrics {
  readonly gpu_memory_mb: number | null;
}

/** The health of a server. */
export function healthOf({ pipeline, streams }: WorkerSnapshot): HealthStatus {
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
export function currentStateOf(snapshot: WorkerSnapshot): CurrentState {
  const { pipeline, streams, lastError } = snapshot;
  const names = { loading: "LOADING", ready: "READY", failed: "ERROR" } as const;
  return {
    state: healthOf(snapshot),
    pipeline_state: names[pipeline.kind],
    pipeline_ready: pipeline.kind === "ready",
    startup_complete: pipeline.kind !== "loading",
    active_streams: streams.length,
    client_active: streams.length > 0,
    client_running: streams.some(({ state }) => isActive(state)),
    error_message: shown(pipeline.kind === "failed" ? pipeline.reason : lastError),
  };
}

/**
 * The status of a server: `chosen` is the stream that was asked for, without which the only one is
 * meant, or all of them together.
 */
export function statusOf(snapshot: WorkerSnapshot, chosen?: Stream): StatusBody {
  const state = currentStateOf(snapshot);
  const streams = (chosen === undefined ? snapshot.streams : [chosen]).map(streamStatusOf);
  const only = streams.length === 1 ? streams[0] : undefined;
  const last = streams.length === 0 ? snapshot.lastMetrics : undefined;
  return {
    status: state.state,
    ...state,
    fps: sumOfRates(streams.map(({ fps }) => fps)),
    current_params: only?.current_params ?? null,
    metrics: only?.metrics ?? (last === undefined ? {} : withGpuMemory(last)),
    capacity: snapshot.capacity,
    streams,
  };
}

function streamStatusOf(stream: Stream): StreamStatusBody {
  const { request, session } = stream;
  const metrics = withGpuMemory(session.metrics());
  return {
    stream_id: stream.id,
    aliases: request.aliases,
    state: stream.state,
    started_at: new Date(stream.startedMs).toISOString(),
    fps: metrics.fps,
    current_params: {
      subscribe_url: shown(request.subscribeUrl),
      publish_url: shown(request.publishUrl),
      gateway_request_id: stream.id,
    },
    params: JSON.parse(jsonOf(session.params)),
    metrics,
  };
}

function shown(text: string | undefined): string | null {
  return text === undefined ? null : withoutCredentials(text);
}

function withGpuMemory(metrics: SessionMetrics): StatusMetrics {
  const { gpu_memory_mb } = metrics.processor;
  return { ...metrics, gpu_memory_mb: typeof gpu_memory_mb === "number" ? gpu_memory_mb : null };
}

function sumOfRates(rates: readonly SessionMetrics["fps"][]): SessionMetrics["fps"] {
  const sum = (rate: keyof SessionMetrics["fps"]): number =>
    Math.round(rates.reduce((total, fps) => total + fps[rate], 0) * 10) / 10;
  return {
    ingress_video_fps: sum("ingress_video_fps"),
    ingress_audio_fps: sum("ingress_audio_fps"),
    egress_video_fps: sum("egress_video_fps"),
    egress_audio_fps: sum("egress_audio_fps"),
  };
}

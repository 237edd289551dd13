/**
 * What the built-in endpoints answer, for `/openapi.json`; the tests hold real answers against it.
 * Objects may gain fields, so none of them is closed.
 *
 * @module
 */

import { z } from "zod";
import { streamCounters } from "../../session/mod.ts";

const health = z.enum(["LOADING", "IDLE", "OK", "ERROR"]);
const figure = z.number().nullable();

const currentState = z.looseObject({
  state: health,
  pipeline_state: z.enum(["LOADING", "READY", "ERROR"]),
  pipeline_ready: z.boolean().describe("Whether the processor is initialized."),
  startup_complete: z.boolean().describe("Whether initialization is over, one way or the other."),
  active_streams: z.int().min(0),
  client_active: z.boolean().describe("Whether a stream exists."),
  client_running: z.boolean().describe("Whether a stream exists that is not stopping."),
  error_message: z.string().nullable().describe("What failed last; null for nothing."),
}).meta({ title: "CurrentState" });

/** Body of a start, params or stop that worked. */
export const successBody: z.ZodType = z.looseObject({
  status: z.literal("success"),
  message: z.string(),
  request_id: z.string().describe("gateway_request_id of the stream."),
  current_state: currentState,
}).meta({ title: "Success" });

/** Body of every answer that says no. */
export const errorBody: z.ZodType = z.looseObject({
  status: z.literal("error"),
  message: z.string().describe("What was wrong and what to do."),
  current_state: currentState.optional(),
}).meta({ title: "Error" });

const fps = z.looseObject({
  ingress_video_fps: z.number(),
  ingress_audio_fps: z.number(),
  egress_video_fps: z.number(),
  egress_audio_fps: z.number(),
});

const metrics = z.looseObject({
  fps: fps.optional(),
  latency_ms: z.looseObject({ p50: figure, p95: figure, max: figure }).optional(),
  ...Object.fromEntries(
    streamCounters().flatMap(([name, { help, by }]) => [
      [name, z.int().optional().describe(`${help}.`)],
      ...by === undefined ? [] : [[`${name}_by_${by}`, z.record(z.string(), z.int()).optional()]],
    ]),
  ),
  error_count: z.int().optional().describe("The same as errors."),
  gpu_memory_mb: figure.optional(),
  processor: z.record(z.string(), z.unknown()).optional()
    .describe("What the processor's getMetrics() returned."),
});

const currentParams = z.looseObject({
  subscribe_url: z.string().nullable(),
  publish_url: z.string().nullable(),
  gateway_request_id: z.string(),
});

/** Body of `GET /api/stream/status`. */
export const statusBody: z.ZodType = z.looseObject({
  ...currentState.shape,
  status: health.describe("The same as state."),
  fps,
  current_params: currentParams.nullable().describe("Null unless exactly one stream is active."),
  metrics: metrics.describe("Figures of the only stream, else of the last one; {} for several."),
  capacity: z.int().min(1).describe("Streams that may run at once."),
  streams: z.array(z.looseObject({
    stream_id: z.string(),
    aliases: z.array(z.string()),
    state: z.enum(["opening", "loading", "running", "draining", "ended"]),
    started_at: z.iso.datetime(),
    fps,
    current_params: currentParams,
    params: z.record(z.string(), z.unknown()),
    metrics,
  })).describe("Every stream that has not ended, oldest first."),
}).meta({ title: "Status" });

/** Body of `GET /health`. */
export const healthBody: z.ZodType = z.looseObject({ status: health }).meta({ title: "Health" });

const identity = { pipeline: z.string(), model_id: z.string() };

/** Body of `GET /version`. */
export const versionBody: z.ZodType = z.looseObject({ ...identity, version: z.string() })
  .meta({ title: "Version" });

/** Body of `GET /app-version`. */
export const appVersionBody: z.ZodType = z.looseObject({ version: z.string() })
  .meta({ title: "AppVersion" });

const gpu = {
  id: z.string(),
  name: z.string(),
  memory_total: figure.describe("Bytes."),
  memory_free: figure.describe("Bytes."),
};

/** Body of `GET /hardware/info`. */
export const hardwareInfoBody: z.ZodType = z.looseObject({
  ...identity,
  gpu_info: z.record(z.string(), z.looseObject({ ...gpu, major: figure, minor: figure }))
    .describe("By index; empty where there is no NVIDIA driver."),
}).meta({ title: "HardwareInfo" });

/** Body of `GET /hardware/stats`. */
export const hardwareStatsBody: z.ZodType = z.looseObject({
  ...identity,
  gpu_stats: z.record(
    z.string(),
    z.looseObject({
      ...gpu,
      utilization_compute: figure.describe("Percent."),
      utilization_memory: figure.describe("Percent."),
    }),
  ).describe("By index; empty where there is no NVIDIA driver."),
}).meta({ title: "HardwareStats" });

/** Body of `GET /livez` and of `GET /readyz`. */
export const probeBody: z.ZodType = z.looseObject({
  status: z.enum(["ok", "loading", "failed", "stopping"]),
  reason: z.string().optional().describe("Why it is not ready."),
}).meta({ title: "Probe" });

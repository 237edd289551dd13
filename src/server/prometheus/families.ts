/**
 * Every metric of `/metrics`, in its order. docs/observability.md has the same names.
 *
 * @module
 */

import { type Family, workerFamily, type WorkerMetric } from "./family.ts";
import { STREAM_FAMILIES } from "./stream_families.ts";

const HEALTH_STATES = ["LOADING", "IDLE", "OK", "ERROR"] as const;

const WORKER_METRICS: readonly WorkerMetric[] = [
  {
    type: "gauge",
    name: "runnel_health",
    help: "1 for the state that /health says, 0 for the others.",
    label: "state",
    value: ({ health }) =>
      Object.fromEntries(HEALTH_STATES.map((state) => [state, Number(state === health)])),
  },
  {
    type: "gauge",
    name: "runnel_ready",
    help: "1 while the processor can take streams.",
    value: ({ ready }) => ready,
  },
  {
    type: "gauge",
    name: "runnel_uptime_seconds",
    help: "Time since the worker listens.",
    value: ({ uptime_seconds }) => uptime_seconds,
  },
  {
    type: "gauge",
    name: "runnel_capacity",
    help: "Streams that may run at once.",
    value: ({ capacity }) => capacity,
  },
  {
    type: "gauge",
    name: "runnel_active_streams",
    help: "Streams that run.",
    value: ({ streams }) => streams.length,
  },
  {
    type: "counter",
    name: "runnel_streams_started_total",
    help: "Streams that were started.",
    value: ({ ledger }) => ledger.started,
  },
  {
    type: "counter",
    name: "runnel_streams_ended_total",
    help: "Streams that are over, by how they ended.",
    label: "reason",
    value: (figures) => figures.ledger.ended,
  },
  {
    type: "counter",
    name: "runnel_streams_rejected_total",
    help: "Requests to start a stream that were refused.",
    label: "reason",
    value: (figures) => figures.ledger.rejected,
  },
];

const RESOURCE_METRICS: readonly WorkerMetric[] = [
  {
    type: "gauge",
    name: "runnel_gpu_buffers_in_use",
    help: "GPU buffers that frames hold.",
    value: ({ gpu }) => gpu?.buffers_in_use,
  },
  {
    type: "gauge",
    name: "runnel_gpu_in_use_bytes",
    help: "GPU memory that frames hold.",
    value: ({ gpu }) => gpu?.bytes_in_use,
  },
  {
    type: "gauge",
    name: "runnel_gpu_idle_bytes",
    help: "GPU memory kept for later frames.",
    value: ({ gpu }) => gpu?.bytes_idle,
  },
  {
    type: "gauge",
    name: "runnel_gpu_info",
    help: "Always 1 while a GPU is open; the label says which.",
    label: "adapter",
    value: ({ gpu }) => gpu === null ? {} : { [gpu.adapter]: 1 },
  },
  {
    type: "gauge",
    name: "runnel_ffmpeg_children",
    help: "ffmpeg children that run, those that wait for a stream included.",
    value: ({ ffmpeg }) => ffmpeg.running,
  },
  {
    type: "gauge",
    name: "runnel_ffmpeg_waiting",
    help: "ffmpeg children that wait for a stream; absent where none are kept.",
    value: ({ ffmpeg }) => ffmpeg.warm?.waiting,
  },
  {
    type: "counter",
    name: "runnel_ffmpeg_waiting_used_total",
    help: "ffmpeg children that were needed and waited.",
    value: ({ ffmpeg }) => ffmpeg.warm?.used,
  },
  {
    type: "counter",
    name: "runnel_ffmpeg_waiting_missed_total",
    help: "ffmpeg children that were needed and did not wait.",
    value: ({ ffmpeg }) => ffmpeg.warm?.missed,
  },
  {
    type: "counter",
    name: "runnel_ffmpeg_waiting_died_total",
    help: "ffmpeg children that ended while they waited.",
    value: ({ ffmpeg }) => ffmpeg.warm?.died,
  },
  {
    type: "gauge",
    name: "runnel_registered",
    help: "1 while the worker is registered with an orchestrator; absent without one.",
    value: ({ registration }) => registration?.registered,
  },
  {
    type: "counter",
    name: "runnel_registrations_total",
    help: "Registrations that worked.",
    value: ({ registration }) => registration?.registrations,
  },
  {
    type: "counter",
    name: "runnel_registration_failures_total",
    help: "Registrations that failed.",
    value: ({ registration }) => registration?.failures,
  },
  {
    type: "counter",
    name: "runnel_processor_messages_dropped_total",
    help: "Data and events of the processor for which there was no channel.",
    value: ({ messages_dropped }) => messages_dropped,
  },
  {
    type: "counter",
    name: "runnel_isolation_faults_total",
    help: "Threads and processes of streams that ended without being asked to; each was replaced.",
    label: "reason",
    value: (figures) => figures.isolation_faults,
  },
  {
    type: "gauge",
    name: "runnel_heap_used_bytes",
    help: "JavaScript heap in use.",
    value: (figures) => figures.process.heap_used_bytes,
  },
  {
    type: "gauge",
    name: "runnel_heap_size_bytes",
    help: "JavaScript heap allocated.",
    value: (figures) => figures.process.heap_total_bytes,
  },
  {
    type: "gauge",
    name: "runnel_external_memory_bytes",
    help: "Memory outside of the heap that its objects hold, such as frames.",
    value: (figures) => figures.process.external_bytes,
  },
  {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory of the worker without its ffmpeg children.",
    value: (figures) => figures.process.resident_bytes,
  },
  {
    type: "counter",
    name: "process_cpu_seconds_total",
    help: "Processor time of the worker without its ffmpeg children.",
    value: (figures) => figures.process.cpu_seconds,
  },
  {
    type: "gauge",
    name: "process_start_time_seconds",
    help: "Unix time at which the process was started.",
    value: (figures) => figures.process.start_time_seconds,
  },
];

/** Every metric. */
export const FAMILIES: readonly Family[] = [
  {
    name: "runnel_build_info",
    type: "gauge",
    help: "Always 1; the labels say what runs.",
    labels: ["version", "capability", "pipeline"],
    samples: ({ figures }) => [{ labels: { ...figures.info }, value: 1 }],
  },
  ...WORKER_METRICS.map(workerFamily),
  ...STREAM_FAMILIES,
  ...RESOURCE_METRICS.map(workerFamily),
];

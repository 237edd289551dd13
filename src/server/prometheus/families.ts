/**
 * Every metric of `/metrics`, in its order. docs/observability.md has the same names.
 *
 * @module
 */

import { byName, type Family, single } from "./family.ts";
import { STREAM_FAMILIES } from "./stream_families.ts";

const HEALTH_STATES = ["LOADING", "IDLE", "OK", "ERROR"] as const;

const WORKER_FAMILIES: readonly Family[] = [
  {
    name: "runnel_build_info",
    type: "gauge",
    help: "Always 1; the labels say what runs.",
    labels: ["version", "capability", "pipeline"],
    samples: ({ figures }) => [{ labels: { ...figures.info }, value: 1 }],
  },
  {
    name: "runnel_health",
    type: "gauge",
    help: "1 for the state that /health says, 0 for the others.",
    labels: ["state"],
    samples: ({ figures }) =>
      HEALTH_STATES.map((state) => ({
        labels: { state },
        value: figures.health === state ? 1 : 0,
      })),
  },
  single(
    { name: "runnel_ready", type: "gauge", help: "1 while the processor can take streams." },
    ({ ready }) => ready ? 1 : 0,
  ),
  single(
    { name: "runnel_uptime_seconds", type: "gauge", help: "Time since the worker listens." },
    ({ uptime_seconds }) => uptime_seconds,
  ),
  single(
    { name: "runnel_capacity", type: "gauge", help: "Streams that may run at once." },
    ({ capacity }) => capacity,
  ),
  single(
    { name: "runnel_active_streams", type: "gauge", help: "Streams that run." },
    ({ streams }) => streams.length,
  ),
  single(
    { name: "runnel_streams_started_total", type: "counter", help: "Streams that were started." },
    ({ ledger }) => ledger.started,
  ),
  {
    name: "runnel_streams_ended_total",
    type: "counter",
    help: "Streams that are over, by how they ended.",
    labels: ["reason"],
    samples: ({ figures }) => byName("reason", figures.ledger.ended),
  },
  {
    name: "runnel_streams_rejected_total",
    type: "counter",
    help: "Requests to start a stream that were refused.",
    labels: ["reason"],
    samples: ({ figures }) => byName("reason", figures.ledger.rejected),
  },
];

const RESOURCE_FAMILIES: readonly Family[] = [
  single(
    { name: "runnel_gpu_buffers_in_use", type: "gauge", help: "GPU buffers that frames hold." },
    ({ gpu }) => gpu?.buffers_in_use ?? null,
  ),
  single(
    { name: "runnel_gpu_in_use_bytes", type: "gauge", help: "GPU memory that frames hold." },
    ({ gpu }) => gpu?.bytes_in_use ?? null,
  ),
  single(
    { name: "runnel_gpu_idle_bytes", type: "gauge", help: "GPU memory kept for later frames." },
    ({ gpu }) => gpu?.bytes_idle ?? null,
  ),
  {
    name: "runnel_gpu_info",
    type: "gauge",
    help: "Always 1 while a GPU is open; the label says which.",
    labels: ["adapter"],
    samples: ({ figures: { gpu } }) =>
      gpu === null ? [] : [{ labels: { adapter: gpu.adapter }, value: 1 }],
  },
  single(
    {
      name: "runnel_ffmpeg_children",
      type: "gauge",
      help: "ffmpeg children that run, those that wait for a stream included.",
    },
    ({ ffmpeg }) => ffmpeg.running,
  ),
  single(
    {
      name: "runnel_ffmpeg_waiting",
      type: "gauge",
      help: "ffmpeg children that wait for a stream; absent where none are kept.",
    },
    ({ ffmpeg }) => ffmpeg.warm?.waiting ?? null,
  ),
  single(
    {
      name: "runnel_ffmpeg_waiting_used_total",
      type: "counter",
      help: "ffmpeg children that were needed and waited.",
    },
    ({ ffmpeg }) => ffmpeg.warm?.used ?? null,
  ),
  single(
    {
      name: "runnel_ffmpeg_waiting_missed_total",
      type: "counter",
      help: "ffmpeg children that were needed and did not wait.",
    },
    ({ ffmpeg }) => ffmpeg.warm?.missed ?? null,
  ),
  single(
    {
      name: "runnel_ffmpeg_waiting_died_total",
      type: "counter",
      help: "ffmpeg children that ended while they waited.",
    },
    ({ ffmpeg }) => ffmpeg.warm?.died ?? null,
  ),
  single(
    {
      name: "runnel_registered",
      type: "gauge",
      help: "1 while the worker is registered with an orchestrator; absent without one.",
    },
    ({ registration }) => registration === null ? null : registration.registered ? 1 : 0,
  ),
  single(
    { name: "runnel_registrations_total", type: "counter", help: "Registrations that worked." },
    ({ registration }) => registration?.registrations ?? null,
  ),
  single(
    {
      name: "runnel_registration_failures_total",
      type: "counter",
      help: "Registrations that failed.",
    },
    ({ registration }) => registration?.failures ?? null,
  ),
  single(
    {
      name: "runnel_processor_messages_dropped_total",
      type: "counter",
      help: "Data and events of the processor for which there was no channel.",
    },
    ({ messages_dropped }) => messages_dropped,
  ),
  {
    name: "runnel_isolation_faults_total",
    type: "counter",
    help: "Threads and processes of streams that ended without being asked to; each was replaced.",
    labels: ["reason"],
    samples: ({ figures }) => byName("reason", figures.isolation_faults),
  },
  single(
    { name: "runnel_heap_used_bytes", type: "gauge", help: "JavaScript heap in use." },
    (figures) => figures.process.heap_used_bytes,
  ),
  single(
    { name: "runnel_heap_size_bytes", type: "gauge", help: "JavaScript heap allocated." },
    (figures) => figures.process.heap_total_bytes,
  ),
  single(
    {
      name: "runnel_external_memory_bytes",
      type: "gauge",
      help: "Memory outside of the heap that its objects hold, such as frames.",
    },
    (figures) => figures.process.external_bytes,
  ),
  single(
    {
      name: "process_resident_memory_bytes",
      type: "gauge",
      help: "Resident memory of the worker without its ffmpeg children.",
    },
    (figures) => figures.process.resident_bytes,
  ),
  single(
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "Processor time of the worker without its ffmpeg children.",
    },
    (figures) => figures.process.cpu_seconds,
  ),
  single(
    {
      name: "process_start_time_seconds",
      type: "gauge",
      help: "Unix time at which the process was started.",
    },
    (figures) => figures.process.start_time_seconds,
  ),
];

/** Every metric. */
export const FAMILIES: readonly Family[] = [
  ...WORKER_FAMILIES,
  ...STREAM_FAMILIES,
  ...RESOURCE_FAMILIES,
];

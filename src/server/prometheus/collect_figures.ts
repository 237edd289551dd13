/**
 * What `/metrics` is made of, gathered from the parts of a server.
 *
 * @module
 */

import process from "node:process";
import manifest from "../../../deno.json" with { type: "json" };
import type { RegistrationStatus } from "../../livepeer/mod.ts";
import { gpuFigures, runningFfmpegPids } from "../../session/mod.ts";
import type { StreamWorker } from "../../worker/mod.ts";
import { healthOf } from "../api/pipeline_status.ts";
import type { ProcessFigures, ServerFigures } from "./mod.ts";

/** What a server says of itself. */
export interface FiguresSource {
  readonly worker: StreamWorker;
  readonly registration: RegistrationStatus | undefined;
  readonly capability: string;
  readonly pipeline: string;
  /** Milliseconds of `performance.now()` at which the server began to listen. */
  readonly startedAtMs: number;
}

/** The figures of this moment. */
export function collectFigures(source: FiguresSource): ServerFigures {
  const { worker, registration, capability, pipeline, startedAtMs } = source;
  const snapshot = worker.snapshot();
  const { ledger, droppedMessages, isolationFaults, warm } = worker.figures();
  return {
    info: { version: manifest.version, capability, pipeline },
    health: healthOf(snapshot),
    ready: worker.takesStreams,
    capacity: worker.capacity,
    uptime_seconds: (performance.now() - startedAtMs) / 1_000,
    streams: snapshot.streams.map((stream) => ({
      id: stream.id,
      metrics: stream.session.metrics(),
      details: stream.session.details(),
    })),
    ledger,
    process: processFigures(),
    gpu: gpuFigures(),
    ffmpeg: { running: runningFfmpegPids().length, warm: warm ?? null },
    registration: registration === undefined ? null : {
      registered: registration.state === "registered",
      registrations: registration.registrations,
      failures: registration.failures,
    },
    messages_dropped: droppedMessages,
    isolation_faults: isolationFaults,
  };
}

function processFigures(): ProcessFigures {
  const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    resident_bytes: rss,
    heap_used_bytes: heapUsed,
    heap_total_bytes: heapTotal,
    external_bytes: external,
    cpu_seconds: (user + system) / 1_000_000,
    start_time_seconds: Math.round(performance.timeOrigin) / 1_000,
  };
}

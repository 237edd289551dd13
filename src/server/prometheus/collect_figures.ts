/**
 * What `/metrics` is made of, gathered from the parts of a server.
 *
 * @module
 */

import process from "node:process";
import manifest from "../../../deno.json" with { type: "json" };
import type { RegistrationStatus } from "../../livepeer/mod.ts";
import { gpuFigures, runningFfmpegPids, type WarmCodecs } from "../../session/mod.ts";
import { healthOf } from "../api/pipeline_status.ts";
import type { ProcessFigures, ServerFigures } from "./mod.ts";
import type { IsolationFault } from "../hosts/isolation/isolated_host.ts";
import type { StreamRegistry } from "../stream_registry.ts";

/** What a server says of itself. */
export interface FiguresSource {
  readonly registry: StreamRegistry;
  readonly warmCodecs: WarmCodecs | undefined;
  readonly registration: RegistrationStatus | undefined;
  /** Threads and processes that ended without being asked to. */
  readonly isolationFaults: Readonly<Record<IsolationFault, number>>;
  readonly capability: string;
  readonly pipeline: string;
  /** Milliseconds of `performance.now()` at which the server began to listen. */
  readonly startedAtMs: number;
}

/** The figures of this moment. */
export function collectFigures(source: FiguresSource): ServerFigures {
  const { registry, warmCodecs, registration, capability, pipeline, startedAtMs } = source;
  const snapshot = registry.snapshot();
  return {
    info: { version: manifest.version, capability, pipeline },
    health: healthOf(snapshot),
    ready: registry.takesStreams,
    capacity: registry.capacity,
    uptime_seconds: (performance.now() - startedAtMs) / 1_000,
    streams: snapshot.streams.map((stream) => ({
      id: stream.id,
      metrics: stream.metrics(),
      details: stream.details(),
    })),
    ledger: registry.ledger.figures(),
    process: processFigures(),
    gpu: gpuFigures(),
    ffmpeg: { running: runningFfmpegPids().length, warm: warmCodecs?.figures ?? null },
    registration: registration === undefined ? null : {
      registered: registration.state === "registered",
      registrations: registration.registrations,
      failures: registration.failures,
    },
    messages_dropped: registry.droppedMessages,
    isolation_faults: { ...source.isolationFaults },
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

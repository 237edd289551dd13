/** Figures of a worker for tests. */

import type { ServerFigures, StreamFigures } from "../../../src/server/prometheus/mod.ts";
import { StreamLedger } from "../../../src/worker/mod.ts";
import { StreamMeters } from "../../../src/session/telemetry/stream_meters.ts";
import { FAKE_METRICS } from "../fake_session.ts";

/** A worker without streams, and what differs from it. */
export function makeFigures(changes: Partial<ServerFigures> = {}): ServerFigures {
  return {
    info: { version: "1.2.3", capability: "test", pipeline: "byoc" },
    health: "IDLE",
    ready: true,
    capacity: 2,
    uptime_seconds: 12.5,
    streams: [],
    ledger: new StreamLedger().figures(),
    process: {
      resident_bytes: 1_000,
      heap_used_bytes: 500,
      heap_total_bytes: 800,
      external_bytes: 100,
      cpu_seconds: 3.25,
      start_time_seconds: 1_700_000_000,
    },
    gpu: null,
    registration: null,
    ffmpeg: { running: 0, warm: { waiting: 3, used: 2, missed: 1, died: 0 } },
    messages_dropped: 0,
    isolation_faults: { crashed: 0, hung: 0 },
    ...changes,
  };
}

/** A stream of which `frames` were written, 20 ms each. */
export function makeStream(id: string, frames = 3): StreamFigures {
  let now = 0;
  const meters = new StreamMeters(() => now);
  meters.counts.segments_in = 2;
  meters.counts.input_bytes = 1_234;
  meters.errorAt("process");
  meters.errorAt("stream"); // what the stream ended with
  for (let frame = 0; frame < frames; frame++) {
    meters.frameArrived(frame);
    now += 5;
    meters.frameReached("decoded", frame);
    meters.frameReached("processing", frame);
    now += 10;
    meters.frameReached("processed", frame);
    now += 5;
    meters.bytesWritten(100);
    meters.frameWritten(frame);
  }
  meters.framesDropped("queue", 2);
  meters.framesUnseen("queue");
  const { gpu: _gpu, ...metrics } = meters.snapshot({ faces: 3, model: "yolo" });
  return { id, metrics: { ...FAKE_METRICS, ...metrics, gpu: null }, details: meters.details() };
}

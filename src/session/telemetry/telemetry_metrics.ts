/**
 * What the streams of this process count and time, for OpenTelemetry: see docs/observability.md.
 *
 * @module
 */

import { type Counter, createNoopMeter, type Histogram, metrics } from "@opentelemetry/api";
import type { SessionMetrics } from "../types.ts";
import { LATENCY_BUCKETS_SECONDS, LATENCY_HELP, type LatencyStage } from "./latency_histograms.ts";
import { countersOf } from "./stream_counts.ts";
import {
  type CounterName,
  STREAM_COUNTERS,
  type StreamCounter,
  streamCounters,
  telemetryName,
} from "./stream_counters.ts";

/** The scope of everything that Runnel traces and measures. */
export const TELEMETRY_SCOPE = "runnel";

interface Instruments {
  readonly counters: ReadonlyMap<CounterName, Counter>;
  readonly latency: Histogram;
}

let shared: Instruments | undefined;

/** The instruments of the process, made at the first call; undefined while nobody reads them. */
function instruments(): Instruments | undefined {
  if (shared !== undefined) return shared;
  const meter = metrics.getMeter(TELEMETRY_SCOPE);
  if (meter === createNoopMeter()) return undefined;
  shared = {
    counters: new Map(
      streamCounters().map(([name, { unit, help: description }]) => {
        return [name, meter.createCounter(telemetryName(name), { unit, description })];
      }),
    ),
    latency: meter.createHistogram("runnel.frame.latency", {
      unit: "s",
      description: LATENCY_HELP,
      advice: { explicitBucketBoundaries: [...LATENCY_BUCKETS_SECONDS] },
    }),
  };
  return shared;
}

/** The part of one session: it adds what was counted since the last time. */
export class TelemetryMetrics {
  readonly #instruments: Instruments;
  readonly #added = new Map<string, number>();
  readonly #stages = new Map<LatencyStage, { readonly "runnel.stage": LatencyStage }>();

  private constructor(instruments: Instruments) {
    this.#instruments = instruments;
  }

  /** Undefined while nobody reads metrics. */
  static open(): TelemetryMetrics | undefined {
    const found = instruments();
    return found === undefined ? undefined : new TelemetryMetrics(found);
  }

  /** Notes how long a stage of a frame took. */
  latency(stage: LatencyStage, durationMs: number): void {
    let attributes = this.#stages.get(stage);
    if (attributes === undefined) {
      this.#stages.set(stage, attributes = Object.freeze({ "runnel.stage": stage }));
    }
    this.#instruments.latency.record(durationMs / 1_000, attributes);
  }

  /** Adds what the figures have more than the last time. */
  add(figures: SessionMetrics): void {
    const counted = countersOf(figures);
    for (const [name, counter] of this.#instruments.counters) {
      const count = counted[name];
      if (typeof count === "number") this.#addTo(counter, name, count);
      else {
        const { by }: StreamCounter = STREAM_COUNTERS[name];
        for (const [key, total] of Object.entries(count)) {
          this.#addTo(counter, `${name} ${key}`, total, { [`runnel.${by}`]: key });
        }
      }
    }
  }

  #addTo(counter: Counter, name: string, total: number, attributes?: Record<string, string>): void {
    const more = total - (this.#added.get(name) ?? 0);
    if (more <= 0) return;
    this.#added.set(name, total);
    counter.add(more, attributes);
  }
}

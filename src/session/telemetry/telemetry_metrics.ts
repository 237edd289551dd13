/**
 * What the streams of this process count and time, for OpenTelemetry: see docs/observability.md.
 *
 * @module
 */

import { type Counter, createNoopMeter, type Histogram, metrics } from "@opentelemetry/api";
import { LATENCY_BUCKETS_SECONDS, type LatencyStage } from "./latency_histograms.ts";
import type { SessionDetails, SessionMetrics } from "../types.ts";

/** The scope of everything that Runnel traces and measures. */
export const TELEMETRY_SCOPE = "runnel";

interface Instruments {
  readonly framesIn: Counter;
  readonly framesProcessed: Counter;
  readonly framesOut: Counter;
  readonly framesDropped: Counter;
  readonly errors: Counter;
  readonly codecRestarts: Counter;
  readonly inputBytes: Counter;
  readonly outputBytes: Counter;
  readonly latency: Histogram;
}

let shared: Instruments | undefined;

/** The instruments of the process, made at the first call; undefined while nobody reads them. */
function instruments(): Instruments | undefined {
  if (shared !== undefined) return shared;
  const meter = metrics.getMeter(TELEMETRY_SCOPE);
  if (meter === createNoopMeter()) return undefined;
  const counter = (name: string, unit: string, description: string): Counter =>
    meter.createCounter(name, { unit, description });
  shared = {
    framesIn: counter("runnel.frames.in", "{frame}", "Video frames that arrived"),
    framesProcessed: counter("runnel.frames.processed", "{frame}", "Frames the processor returned"),
    framesOut: counter("runnel.frames.out", "{frame}", "Video frames that were written"),
    framesDropped: counter("runnel.frames.dropped", "{frame}", "Video frames that were not"),
    errors: counter("runnel.errors", "{error}", "Errors of streams"),
    codecRestarts: counter("runnel.codec.restarts", "{restart}", "Children started again"),
    inputBytes: counter("runnel.input.size", "By", "Bytes that were read"),
    outputBytes: counter("runnel.output.size", "By", "Bytes that were written"),
    latency: meter.createHistogram("runnel.frame.latency", {
      unit: "s",
      description: "Time that written frames took per stage and in total",
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
  add(figures: SessionMetrics, details: SessionDetails): void {
    const to = this.#instruments;
    this.#addTo(to.framesIn, "in", figures.frames_in);
    this.#addTo(to.framesProcessed, "processed", figures.frames_processed);
    this.#addTo(to.framesOut, "out", figures.frames_out);
    this.#addTo(to.codecRestarts, "restarts", figures.codec_restarts);
    this.#addTo(to.inputBytes, "input", details.input_bytes);
    this.#addTo(to.outputBytes, "output", figures.output_bytes);
    for (const [reason, count] of Object.entries(figures.frames_dropped_by_reason)) {
      this.#addTo(to.framesDropped, `dropped ${reason}`, count, { "runnel.reason": reason });
    }
    for (const [stage, count] of Object.entries(details.errors_by_stage)) {
      this.#addTo(to.errors, `error ${stage}`, count, { "runnel.stage": stage });
    }
  }

  #addTo(counter: Counter, name: string, total: number, attributes?: Record<string, string>): void {
    const more = total - (this.#added.get(name) ?? 0);
    if (more <= 0) return;
    this.#added.set(name, total);
    counter.add(more, attributes);
  }
}

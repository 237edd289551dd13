/**
 * A session as a trace: a span for the stream, and below it one for each segment that is read or
 * written. Deno exports them where `OTEL_DENO` is set; elsewhere nothing here is even called.
 *
 * @module
 */

import { type Context, context, type Span, trace } from "@opentelemetry/api";
import { type Clock, withoutCredentials } from "../../base/mod.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import type { InputEvent } from "../input/input_events.ts";
import type { StreamMeters } from "./stream_meters.ts";
import { failSpan, observeSink, segmentAttributes } from "./segment_spans.ts";
import { TELEMETRY_SCOPE, TelemetryMetrics } from "./telemetry_metrics.ts";
import type { SessionEnd, SessionEvent, Stage, StreamParams } from "../types.ts";

/** Events of one session's span at most: it is kept in memory until the stream ends. */
const MAX_EVENTS = 200;
/** Errors of one stage are noted once in this time; all are counted. */
const ERROR_INTERVAL_MS = 2_000;

/** What a {@linkcode SessionTelemetry} is told of its session. */
export interface TelemetryOptions {
  readonly id: string;
  readonly params: StreamParams;
  readonly meters: StreamMeters;
  readonly clock: Clock;
  /** Brings the meters up to date. */
  readonly updateMeters: () => void;
}

/** Traces and measures one session. */
export class SessionTelemetry {
  readonly #options: TelemetryOptions;
  readonly #span: Span;
  readonly #context: Context;
  readonly #metrics: TelemetryMetrics | undefined;
  readonly #startMs: number;
  readonly #lastErrorMs = new Map<Stage, number>();
  #eventsLeft = MAX_EVENTS;
  #eventsDropped = 0;
  #codecRestarts = 0;

  private constructor(
    options: TelemetryOptions,
    parts: { span: Span; metrics: TelemetryMetrics | undefined },
  ) {
    this.#options = options;
    this.#startMs = options.clock.now();
    this.#span = parts.span;
    this.#metrics = parts.metrics;
    this.#context = trace.setSpan(context.active(), parts.span);
    const { metrics } = parts;
    if (metrics !== undefined) {
      options.meters.onLatency = (stage, durationMs) => metrics.latency(stage, durationMs);
    }
  }

  /**
   * Begins a session's span, below that of the request that is being answered, if any. Undefined where
   * nobody reads traces or metrics.
   */
  static begin(options: TelemetryOptions): SessionTelemetry | undefined {
    const { id, params } = options;
    const metrics = TelemetryMetrics.open();
    const span = trace.getTracer(TELEMETRY_SCOPE).startSpan("runnel.session", {
      attributes: { "runnel.stream.id": id },
    });
    if (metrics === undefined && !span.isRecording()) return undefined;
    const { width, height, max_framerate: maxFps } = params;
    if (width !== undefined && height !== undefined) {
      span.setAttributes({ "runnel.scaled.width": width, "runnel.scaled.height": height });
    }
    if (maxFps !== undefined) span.setAttribute("runnel.max_framerate", maxFps);
    return new SessionTelemetry(options, { span, metrics });
  }

  /** Runs a task whose spans, and those of its requests, are below the session's. */
  run<T>(task: () => T): T {
    return context.with(this.#context, task);
  }

  /** The same events, with a span for each segment. */
  async *observeInput(events: AsyncIterable<InputEvent>): AsyncGenerator<InputEvent> {
    const segment = new InputSegmentSpan(this.#options.meters, () => this.#begin("input"));
    try {
      for await (const event of events) {
        if (event.kind === "segment" && segment.next(event.seq)) this.#noteProgress();
        else if (event.kind === "error") segment.fail(event.error);
        else if (event.kind === "streams") this.#noteStreams(event);
        yield event;
        segment.noteProgress();
      }
    } finally {
      segment.end();
    }
  }

  /** The same sink, with a span for each segment. */
  observeOutput(sink: SegmentSink): SegmentSink {
    return observeSink(sink, {
      begin: () => this.#begin("output"),
      framesOut: () => this.#options.meters.counts.frames_out,
      onSegment: () => this.#noteProgress(),
    });
  }

  /** Ends the span of a session that could not be set up. */
  refuse(error: Error): void {
    failSpan(this.#span, error);
    this.#span.end();
  }

  /** Notes what the session reports. */
  note(event: SessionEvent): void {
    switch (event.type) {
      case "error":
        return this.#noteError(event.error, event.stage);
      case "ended":
        return this.#end(event.end);
      case "first-input-segment":
      case "first-output-segment":
      case "params-updated":
        return this.#addEvent(event.type);
    }
  }

  #begin(direction: "input" | "output"): Span {
    return trace.getTracer(TELEMETRY_SCOPE).startSpan(`runnel.${direction}_segment`, {
      attributes: { "runnel.stream.id": this.#options.id },
    }, this.#context);
  }

  #noteStreams(event: InputEvent & { readonly kind: "streams" }): void {
    const { video, audio } = event;
    if (video !== undefined && video.width > 0) {
      this.#span.setAttributes({
        "runnel.input.width": video.width,
        "runnel.input.height": video.height,
        "runnel.input.video_codec": video.codec,
      });
    }
    if (audio !== undefined) this.#span.setAttribute("runnel.input.audio_codec", audio.codec);
  }

  #noteError(error: Error, stage: Stage): void {
    const now = this.#options.clock.now();
    if (now - (this.#lastErrorMs.get(stage) ?? -Infinity) < ERROR_INTERVAL_MS) {
      this.#eventsDropped++;
      return;
    }
    this.#lastErrorMs.set(stage, now);
    this.#addEvent("error", {
      "runnel.stage": stage,
      "exception.type": error.name,
      "exception.message": withoutCredentials(error.message),
    });
  }

  #addEvent(name: string, attributes: Record<string, string | number> = {}): void {
    if (this.#eventsLeft-- > 0) this.#span.addEvent(name, attributes);
    else this.#eventsDropped++;
  }

  /** After each segment: what was counted since the last one. */
  #noteProgress(): void {
    const { meters, updateMeters } = this.#options;
    updateMeters();
    const restarts = meters.counts.codec_restarts - this.#codecRestarts;
    this.#codecRestarts = meters.counts.codec_restarts;
    if (restarts > 0) this.#addEvent("codec restart", { "runnel.codec.restarts": restarts });
    this.#metrics?.add(meters.snapshot({}));
  }

  #end(end: SessionEnd): void {
    this.#noteProgress();
    const { meters: { counts }, clock } = this.#options;
    const seconds = (clock.now() - this.#startMs) / 1_000;
    this.#span.setAttributes({
      "runnel.end.reason": end.reason,
      "runnel.frames.in": counts.frames_in,
      "runnel.frames.out": counts.frames_out,
      "runnel.frames.dropped": counts.frames_dropped,
      "runnel.fps.out": Math.round(counts.frames_out / seconds * 10) / 10,
      "runnel.errors": counts.errors,
      "runnel.events.dropped": this.#eventsDropped,
    });
    if (end.reason === "failed") failSpan(this.#span, end.error);
    this.#span.end();
  }
}

/** The span of the input segment that is being read: it ends when the next one begins. */
class InputSegmentSpan {
  readonly #meters: StreamMeters;
  readonly #begin: () => Span;
  #span: Span | undefined;
  #seq = -1;
  #bytesBefore = 0;
  #framesBefore = 0;
  #lastAtMs = 0;

  constructor(meters: StreamMeters, begin: () => Span) {
    this.#meters = meters;
    this.#begin = begin;
  }

  /** A segment begins; says whether there was one before it. */
  next(seq: number): boolean {
    const hadOne = this.#span !== undefined;
    this.end();
    this.#seq = seq;
    this.#bytesBefore = this.#meters.counts.input_bytes;
    this.#framesBefore = this.#meters.counts.frames_in;
    this.#span = this.#begin();
    this.noteProgress();
    return hadOne;
  }

  /** Something of the segment was read: it did not end before now. */
  noteProgress(): void {
    // Rounded up: it must not be before a beginning that is known to the nanosecond.
    this.#lastAtMs = Date.now() + 1;
  }

  fail(error: Error): void {
    if (this.#span !== undefined) failSpan(this.#span, error);
  }

  end(): void {
    this.#span?.setAttributes(segmentAttributes({
      seq: this.#seq,
      bytes: this.#meters.counts.input_bytes - this.#bytesBefore,
      frames: this.#meters.counts.frames_in - this.#framesBefore,
    }));
    this.#span?.end(this.#lastAtMs);
    this.#span = undefined;
  }
}

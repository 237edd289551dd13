/**
 * Segments as spans: when each was under way, and what it held.
 *
 * @module
 */

import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
import { describeError, withoutCredentials } from "../../base/mod.ts";
import type { SegmentSink, SegmentWriter } from "../../trickle/mod.ts";

/** What is known of a segment at its end. */
export interface SegmentTotals {
  readonly seq: number;
  readonly bytes: number;
  readonly frames: number;
}

/** How the spans of an output are made. */
export interface SinkObserver {
  /** Begins the span of a segment. */
  readonly begin: () => Span;
  /** Frames written to the output so far. */
  readonly framesOut: () => number;
  /** Called after each segment. */
  readonly onSegment: () => void;
}

/** Notes an error on a span, without the credentials of URLs. */
export function failSpan(span: Span, thrown: unknown): void {
  const message = withoutCredentials(describeError(thrown));
  const name = thrown instanceof Error ? thrown.name : "Error";
  span.recordException({ name, message });
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** The attributes of a segment's span. */
export function segmentAttributes({ seq, bytes, frames }: SegmentTotals): Attributes {
  return {
    "runnel.segment.seq": seq,
    "runnel.segment.size": bytes,
    "runnel.segment.frames": frames,
  };
}

/** The same sink, with a span for each of its segments. */
export function observeSink(sink: SegmentSink, observer: SinkObserver): SegmentSink {
  return {
    next: async () => new ObservedWriter(await sink.next(), observer),
    close: () => sink.close(),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

class ObservedWriter implements SegmentWriter {
  readonly #writer: SegmentWriter;
  readonly #observer: SinkObserver;
  readonly #span: Span;
  readonly #framesBefore: number;
  #bytes = 0;
  #frames: number | undefined;

  constructor(writer: SegmentWriter, observer: SinkObserver) {
    this.#writer = writer;
    this.#observer = observer;
    this.#span = observer.begin();
    this.#framesBefore = observer.framesOut();
  }

  get seq(): number {
    return this.#writer.seq;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes);
    this.#bytes += bytes.length;
  }

  async close(): Promise<void> {
    this.#countFrames();
    try {
      await this.#writer.close();
    } catch (error) {
      failSpan(this.#span, error);
      throw error;
    } finally {
      this.#end();
    }
  }

  async abandon(reason?: unknown): Promise<void> {
    this.#countFrames();
    failSpan(this.#span, reason ?? new Error("the segment was given up"));
    try {
      await this.#writer.abandon(reason);
    } finally {
      this.#end();
    }
  }

  /** What is written from now on belongs to the next segment. */
  #countFrames(): void {
    this.#frames ??= this.#observer.framesOut() - this.#framesBefore;
  }

  #end(): void {
    if (!this.#span.isRecording()) return;
    const frames = this.#frames ?? 0;
    this.#span.setAttributes(segmentAttributes({ seq: this.seq, bytes: this.#bytes, frames }));
    this.#span.end();
    this.#observer.onSegment();
  }
}

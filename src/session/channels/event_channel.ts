/**
 * The events channel of a stream: what a gateway hears of it (LIVEPEER.md section 3).
 *
 * @module
 */

import { type Clock, roomLogger, systemClock } from "../../base/mod.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import { QueuedPublisher } from "./queued_publisher.ts";

const log = roomLogger("session");

/** Envelope types: what keeps a stream alive, and everything else. */
export type EventQueue = "stream_heartbeat" | "ai_stream_events";

/** An event as it goes out, but for its time. */
export interface StreamEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** How {@linkcode EventChannel.send} treats an event. */
export interface SendEventOptions {
  /** @default "ai_stream_events" */
  readonly queue?: EventQueue;
  /** Whose events a second it counts among. @default nobody's: it is never too many */
  readonly limit?: "application" | "errors";
}

/** Events of an application, and errors, that may go out in a second, and at once after a silence. */
const EVENTS_PER_SECOND = 20;
const BURST = 50;
/** What a gateway acts on: only the stream itself says it. */
const RESERVED_TYPES: ReadonlySet<string> = new Set(["status", "heartbeat", "stream_stopped"]);
/** Readers take the first 32 KiB of a segment for all of it. */
const MAX_EVENT_BYTES = 32_768;

/** Options of an {@linkcode EventChannel}. */
export interface EventChannelOptions {
  /** Where events go, a segment each. Owned by the channel from then on. */
  readonly sink: SegmentSink;
  /** Takes failures; the stream goes on without the events. */
  readonly onError: (error: Error) => void;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** What its waits go by. @default systemClock */
  readonly clock?: Clock;
}

/** Publishes events. Nothing waits for it. */
export class EventChannel implements AsyncDisposable {
  readonly #publisher: QueuedPublisher;
  readonly #now: () => number;
  readonly #allowances: Readonly<Record<"application" | "errors", Allowance>>;
  #refused = 0;

  /** Begins to publish. */
  constructor({ sink, onError, now = Date.now, clock = systemClock }: EventChannelOptions) {
    this.#publisher = new QueuedPublisher({ sink, onError, perSegment: 1, intervalMs: 0, clock });
    this.#now = now;
    this.#allowances = { application: new Allowance(now), errors: new Allowance(now) };
  }

  /** Events that were published. */
  get sent(): number {
    return this.#publisher.sent;
  }

  /** Events that were too many, too large, pushed out by newer ones, or lost on the way. */
  get dropped(): number {
    return this.#publisher.dropped + this.#refused;
  }

  /** Queues an event with the time of now. It never waits. Throws nothing: what is no JSON is dropped. */
  send(event: StreamEvent, options: SendEventOptions = {}): void {
    const { queue = "ai_stream_events", limit } = options;
    if (limit === "application" && RESERVED_TYPES.has(event.type)) {
      return this.#refuse(event, "its type is the stream's own");
    }
    if (limit !== undefined && !this.#allowances[limit].take()) {
      return this.#refuse(event, "too many in a second");
    }
    let text: string;
    try {
      text = JSON.stringify({
        event: { ...event, timestamp: this.#now() },
        queue_event_type: queue,
      });
    } catch (error) {
      return this.#refuse(event, error instanceof Error ? error.message : "not JSON");
    }
    const message = new TextEncoder().encode(text);
    if (message.length > MAX_EVENT_BYTES) return this.#refuse(event, `${message.length} bytes`);
    this.#publisher.push(message);
  }

  /** Publishes what is queued and ends the channel. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher[Symbol.asyncDispose]();
  }

  #refuse({ type }: StreamEvent, reason: string): void {
    this.#refused++;
    if (this.#refused > 1) return;
    log.warn("An event {type} cannot be published ({reason}): dropped, as others may be", {
      type,
      reason,
    });
  }
}

/** How many events may go out at a moment: it grows with time, up to a burst. */
class Allowance {
  readonly #now: () => number;
  #left = BURST;
  #atMs: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#atMs = now();
  }

  /** Takes one, if there is one. */
  take(): boolean {
    const now = this.#now();
    const earned = Math.max(0, now - this.#atMs) * EVENTS_PER_SECOND / 1_000;
    this.#left = Math.min(BURST, this.#left + earned);
    this.#atMs = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

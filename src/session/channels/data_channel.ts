/**
 * The data channel of a stream: lines of text that its processor publishes (LIVEPEER.md section 3).
 *
 * @module
 */

import { type Clock, roomLogger, systemClock } from "../../base/mod.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import { QueuedPublisher } from "./queued_publisher.ts";

const log = roomLogger("session");

/** A gateway's scanner stops at a line of this length in bytes, its newline included. */
const MAX_LINE_BYTES = 65_536;
/** Lines are published together once in this time. */
const FLUSH_INTERVAL_MS = 333;
/** An empty segment goes out after this time without one, so that nobody takes the channel for dead. */
const KEEP_ALIVE_MS = 25_000;

/** What a {@linkcode DataChannel} counts. */
export interface DataFigures {
  readonly lines_sent: number;
  /** Too long, pushed out by newer ones, or lost with a segment or the channel. */
  readonly lines_dropped: number;
}

/** Options of a {@linkcode DataChannel}. */
export interface DataChannelOptions {
  /** Where segments of lines go. Owned by the channel from then on. */
  readonly sink: SegmentSink;
  /** Takes failures; the stream goes on without the lines. */
  readonly onError: (error: Error) => void;
  /** @default 333 */
  readonly flushIntervalMs?: number;
  /** @default 25000 */
  readonly keepAliveMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** Publishes lines in small segments, one value a line. */
export class DataChannel implements AsyncDisposable {
  readonly #publisher: QueuedPublisher;
  #tooLong = 0;

  /** Begins to publish. */
  constructor(options: DataChannelOptions) {
    const { sink, onError, flushIntervalMs = FLUSH_INTERVAL_MS } = options;
    this.#publisher = new QueuedPublisher({
      sink,
      onError,
      perSegment: Infinity,
      intervalMs: flushIntervalMs,
      keepAliveMs: options.keepAliveMs ?? KEEP_ALIVE_MS,
      clock: options.clock ?? systemClock,
    });
  }

  /** Counters now. */
  get figures(): DataFigures {
    const { sent, dropped } = this.#publisher;
    return { lines_sent: sent, lines_dropped: dropped + this.#tooLong };
  }

  /**
   * Queues one value: JSON, or any other text. A text of several lines becomes one: JSON keeps its
   * numbers as they are written, anything else becomes a JSON string. One that is longer than 64 KiB is
   * dropped and counted.
   */
  send(text: string): void {
    const line = new TextEncoder().encode(`${oneLine(text)}\n`);
    if (line.length < MAX_LINE_BYTES) return this.#publisher.push(line);
    this.#tooLong++;
    if (this.#tooLong > 1) return;
    log.warn("A line of {bytes} bytes is too long for the data channel ({max}): dropped", {
      bytes: line.length,
      max: MAX_LINE_BYTES,
    });
  }

  /** Publishes what is queued and ends the channel. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher[Symbol.asyncDispose]();
  }
}

/** Throws a `TypeError` for what is not a string: it may come from JavaScript. */
export function checkDataText(text: unknown): asserts text is string {
  if (typeof text === "string") return;
  throw new TypeError(
    `Cannot publish data of type ${typeof text}: give a string, such as JSON.stringify(value)`,
  );
}

function oneLine(text: string): string {
  if (!/[\r\n]/.test(text)) return text;
  try {
    JSON.parse(text);
  } catch {
    return JSON.stringify(text); // not JSON: as a value that is
  }
  // In JSON line breaks are only between values. Written anew, large numbers would lose digits.
  return text.replaceAll(/[\r\n]+/g, " ");
}

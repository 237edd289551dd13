/**
 * The data channel of a stream: lines of text that its processor publishes (LIVEPEER.md section 3).
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { BoundedQueue, describeError, roomLogger } from "../base/mod.ts";
import { pause } from "../base/pause.ts";
import type { SegmentSink } from "../trickle/mod.ts";

const log = roomLogger("session");

/** Lines that wait to be published; past that the oldest are dropped. */
const MAX_QUEUED_LINES = 1_000;
/** A gateway's scanner stops at a line of this length in bytes, its newline included. */
const MAX_LINE_BYTES = 65_536;
/** Lines are published together once in this time. */
const FLUSH_INTERVAL_MS = 333;
/** How long the last lines may take at the end. */
const CLOSE_TIMEOUT_MS = 1_000;
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
}

/** Publishes lines in small segments. Nothing in it waits for the network but its own task. */
export class DataChannel implements AsyncDisposable {
  readonly #options: DataChannelOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #lines = newQueue();
  #sent = 0;
  #refused = 0;

  /** Begins to publish. */
  constructor(options: DataChannelOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Counters now. */
  get figures(): DataFigures {
    return { lines_sent: this.#sent, lines_dropped: this.#refused + this.#lines.dropped };
  }

  /**
   * Queues one value: JSON, or any other text. A text of several lines becomes one: JSON by being
   * written anew, anything else as a JSON string. One that is longer than 64 KiB is dropped and counted.
   */
  send(text: string): void {
    const line = new TextEncoder().encode(`${oneLine(text)}\n`);
    if (line.length < MAX_LINE_BYTES) return void this.#lines.push(line);
    this.#refused++;
    if (this.#refused > 1) return;
    log.warn("A line of {bytes} bytes is too long for the data channel ({max}): dropped", {
      bytes: line.length,
      max: MAX_LINE_BYTES,
    });
  }

  /** Publishes what is queued and ends the channel. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    try {
      await deadline(this.#done, CLOSE_TIMEOUT_MS);
    } catch {
      // The server does not answer: what is under way fails, and is counted.
      await this.#options.sink[Symbol.asyncDispose]();
      await this.#done;
    }
  }

  async #run(): Promise<void> {
    const { flushIntervalMs = FLUSH_INTERVAL_MS, keepAliveMs = KEEP_ALIVE_MS } = this.#options;
    const { signal } = this.#stop;
    let lastMs = performance.now();
    let isOver = false;
    while (!isOver) {
      await pause(flushIntervalMs, signal);
      isOver = signal.aborted;
      const isSilent = !isOver && performance.now() - lastMs >= keepAliveMs;
      if (this.#lines.size === 0 && !isSilent) continue;
      await this.#flush();
      lastMs = performance.now();
    }
    await this.#options.sink.close();
  }

  async #flush(): Promise<void> {
    const batch: Uint8Array<ArrayBuffer>[] = [];
    while (this.#lines.size > 0) batch.push((await this.#lines.shift())!);
    try {
      const writer = await this.#options.sink.next();
      for (const line of batch) await writer.write(line);
      await writer.close();
      this.#sent += batch.length;
    } catch (error) {
      this.#refused += batch.length;
      this.#options.onError(error instanceof Error ? error : new Error(describeError(error)));
    }
  }
}

function newQueue(): BoundedQueue<Uint8Array<ArrayBuffer>> {
  return new BoundedQueue({ capacity: MAX_QUEUED_LINES, whenFull: "drop-oldest" });
}

function oneLine(text: string): string {
  if (!/[\r\n]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return JSON.stringify(text); // not JSON: as a value that is
  }
}

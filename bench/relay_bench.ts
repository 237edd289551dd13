/**
 * How much a trickle server relays, and how late.
 *
 * The server runs in a process of its own; the publisher and all subscribers are in this one, on
 * the same cores. A run first publishes as fast as the slowest subscriber reads, then a live
 * stream's worth of frames, one after the other. The delay of a frame is the time from before its
 * write to its last byte at the last subscriber.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { TricklePublisher } from "../src/trickle/mod.ts";
import { median, percentile, round } from "./statistics.ts";
import { WorkerProcess } from "./worker_process.ts";

/** Options of {@linkcode benchRelay}. */
export interface RelayOptions {
  /** Runs of each case; the figures are their medians. @default 3 */
  readonly runs?: number;
  /** How many subscribers the cases have. @default [1, 10, 100] */
  readonly subscribers?: readonly number[];
  /** How long each half of a run takes, in seconds. @default 3 */
  readonly seconds?: number;
  /** Another checkout, whose server is measured in turn with this one's. */
  readonly against?: string | undefined;
}

/** The figures of one case. */
export interface RelayRow {
  readonly subscribers: number;
  /** The folder of the checkout. */
  readonly checkout: string;
  /** Delivered to all subscribers together, in megabytes a second. */
  readonly mb_per_second: number;
  /** From a frame's write to its last byte at the last subscriber, in milliseconds. */
  readonly p50_ms: number;
  readonly p95_ms: number;
  /** The most that the server's process held, in MiB. */
  readonly peak_memory_mib: number;
}

/** One row for each number of subscribers. */
export type RelayResult = readonly RelayRow[];

/** Bytes of a segment when it goes as fast as it can: two seconds of 4 Mbit/s. */
const BULK_SEGMENT_BYTES = 1_000_000;
const BULK_WRITE_BYTES = 50_000;
/** Segments that the publisher may be ahead of the slowest subscriber: readers never slow writers. */
const BULK_AHEAD = 2;
/** A frame of 4 Mbit/s at 30 frames a second. */
const FRAME_BYTES = 16_667;
const FRAME_INTERVAL_MS = 1000 / 30;
/** The first frames after a start are slower. */
const WARM_UP_FRAMES = 10;

/** Measures a server with 1, 10 and 100 subscribers. */
export async function benchRelay(options: RelayOptions = {}): Promise<RelayResult> {
  const { runs = 3, subscribers = [1, 10, 100], seconds = 3, against } = options;
  const here = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const checkouts = against === undefined ? [here] : [against, here];
  const rows: RelayRow[] = [];
  for (const count of subscribers) {
    const results = checkouts.map((): RelayRun[] => []);
    for (let run = 0; run < runs; run++) {
      console.error(`relay to ${count} subscribers, run ${run + 1}`);
      for (const [index, checkout] of checkouts.entries()) {
        results[index]!.push(await runOnce(checkout, { count, seconds }));
      }
    }
    for (const [index, checkout] of checkouts.entries()) {
      rows.push({ subscribers: count, checkout, ...summary(results[index]!) });
    }
  }
  return rows;
}

interface RelayRun {
  readonly rate: number;
  readonly delays: readonly number[];
  readonly peakBytes: number;
}

async function runOnce(checkout: string, load: Load): Promise<RelayRun> {
  await using server = await WorkerProcess.start([], { command: "trickle-server", checkout });
  const rate = await measureRate(`${server.url}/bulk`, load);
  const delays = await measureDelays(`${server.url}/live`, load);
  return { rate, delays, peakBytes: await server.peakMemory() };
}

function summary(runs: readonly RelayRun[]): Omit<RelayRow, "subscribers" | "checkout"> {
  const typical = (share: number): number =>
    round(median(runs.map(({ delays }) => percentile(delays, share))));
  return {
    mb_per_second: round(median(runs.map(({ rate }) => rate))),
    p50_ms: typical(0.5),
    p95_ms: typical(0.95),
    peak_memory_mib: Math.round(median(runs.map(({ peakBytes }) => peakBytes)) / 2 ** 20),
  };
}

interface Load {
  readonly count: number;
  readonly seconds: number;
}

/** Delivered megabytes a second. */
async function measureRate(url: string, { count, seconds }: Load): Promise<number> {
  await using publisher = new TricklePublisher(url);
  await publisher.create();
  const audience = new Audience(url, count);
  const chunk = new Uint8Array(BULK_WRITE_BYTES);
  const startedMs = performance.now();
  let published = 0;
  let closing: Promise<void> | undefined;
  while (performance.now() - startedMs < seconds * 1000) {
    const segment = await publisher.next();
    for (let sent = 0; sent < BULK_SEGMENT_BYTES; sent += chunk.length) await segment.write(chunk);
    // The answer to a segment must not hold up the next one.
    await closing;
    closing = segment.close();
    published++;
    await audience.haveRead((published - BULK_AHEAD) * BULK_SEGMENT_BYTES);
  }
  await closing;
  await audience.haveRead(published * BULK_SEGMENT_BYTES);
  const elapsedSeconds = (performance.now() - startedMs) / 1000;
  const finished = audience.end();
  await publisher.close();
  await finished;
  return published * BULK_SEGMENT_BYTES * count / elapsedSeconds / 1e6;
}

/** The delays of the frames, sorted, in milliseconds. */
async function measureDelays(url: string, { count, seconds }: Load): Promise<number[]> {
  await using publisher = new TricklePublisher(url);
  await publisher.create();
  const audience = new Audience(url, count);
  const segment = await publisher.next();
  const frame = new Uint8Array(FRAME_BYTES);
  const delays: number[] = [];
  const frames = Math.round(seconds * 1000 / FRAME_INTERVAL_MS) + WARM_UP_FRAMES;
  const startedMs = performance.now();
  for (let index = 0; index < frames; index++) {
    const waitMs = startedMs + index * FRAME_INTERVAL_MS - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const writtenMs = performance.now();
    await segment.write(frame);
    await audience.haveRead((index + 1) * FRAME_BYTES);
    if (index >= WARM_UP_FRAMES) delays.push(performance.now() - writtenMs);
  }
  await segment.close();
  const finished = audience.end();
  await publisher.close();
  await finished;
  return delays.sort((a, b) => a - b);
}

/** Subscribers that read a channel from its beginning to its end and only count. */
class Audience {
  readonly #finished: Promise<unknown>;
  readonly #read: number[];
  #awaited = Infinity;
  #isEnding = false;
  #arrival = Promise.withResolvers<void>();

  constructor(url: string, count: number) {
    this.#read = new Array<number>(count).fill(0);
    this.#finished = Promise.all(this.#read.map((_, index) => this.#subscribe(url, index)));
  }

  /** Resolves when everyone has read so many bytes of the channel. Fails when a subscriber does. */
  async haveRead(bytes: number): Promise<void> {
    this.#awaited = bytes;
    this.#arrival = Promise.withResolvers();
    if (this.#slowest >= bytes) return;
    await Promise.race([this.#arrival.promise, this.#finished]);
    if (this.#slowest < bytes) throw new Error(`A subscriber got only ${this.#slowest} bytes`);
  }

  /** Says that the channel is about to be closed; resolves when all have met its end. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#finished;
  }

  get #slowest(): number {
    return this.#read.reduce((least, bytes) => Math.min(least, bytes), Infinity);
  }

  async #subscribe(url: string, index: number): Promise<void> {
    for (let seq = 0;; seq++) {
      const response = await fetch(`${url}/${seq}`);
      const { status, headers, body } = response;
      // Who asks after the end meets no channel at all.
      const isOver = headers.has("Lp-Trickle-Closed") || this.#isEnding && status === 404;
      if (isOver || status !== 200 || body === null) {
        await body?.cancel();
        if (isOver) return;
        throw new Error(`Segment ${seq} was answered with ${status}`);
      }
      for await (const { byteLength } of body) this.#count(index, byteLength);
    }
  }

  #count(index: number, bytes: number): void {
    const before = this.#read[index]!;
    this.#read[index] = before + bytes;
    const crosses = before < this.#awaited && before + bytes >= this.#awaited;
    if (crosses && this.#slowest >= this.#awaited) this.#arrival.resolve();
  }
}

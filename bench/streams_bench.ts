/**
 * Several live streams at once in one worker: 720p at 30 fps with audio, through decoder, processor,
 * encoder and audio transcoder. The load runs in this process on the same cores.
 *
 * @module
 */

import process from "node:process";
import { TrickleServer, TrickleSubscriber } from "../src/trickle/mod.ts";
import { feedLive, type MediaClip, OutputProbe } from "./live_feed.ts";
import { type ProcessRole, processUsage, type Usage } from "./process_usage.ts";
import { percentile, round } from "./statistics.ts";
import { makeClip } from "./test_clip.ts";
import { WorkerProcess } from "./worker_process.ts";

const INPUT = { width: 1280, height: 720, fps: 30 };
/** From the start of the last stream until the figures begin. */
const SETTLE_MS = 3_000;
/** Between the starts of two streams. */
const BETWEEN_STARTS_MS = 500;
/** How long a worker may refuse a stream because it is busy. */
const MAX_REFUSED_MS = 10_000;
const RETRY_MS = 250;

/** So many streams; times in milliseconds. */
export interface StreamsRow {
  readonly streams: number;
  /** How many of them the worker took. */
  readonly started: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Frames that were fed in the time measured and did not come out. */
  readonly dropped: number;
  readonly frames: number;
  /** CPU time of each stream's share, in percent of one core. */
  readonly worker_cpu: number;
  readonly decoder_cpu: number;
  readonly encoder_cpu: number;
  readonly transcoder_cpu: number;
  /** The load generator and its trickle server, in all. */
  readonly load_cpu: number;
  readonly worker_mib: number;
  readonly children_mib: number;
}

/** Runs 1, 2, … `most` streams for this many seconds each. */
export async function benchStreams(
  { seconds, most = 6, processor = "passthrough", progress }: {
    readonly seconds: number;
    readonly most?: number;
    readonly processor?: string;
    readonly progress: (what: string) => void;
  },
): Promise<StreamsRow[]> {
  const lengthSeconds = seconds + (SETTLE_MS + MAX_REFUSED_MS + most * BETWEEN_STARTS_MS) / 1000;
  const clip = await makeClip({ ...INPUT, seconds: Math.ceil(lengthSeconds) });
  const rows: StreamsRow[] = [];
  for (let count = 1; count <= most; count++) {
    progress(`streams ${count}`);
    rows.push(await runStreams({ clip, count, seconds, processor }));
  }
  return rows;
}

interface StreamsRun {
  readonly clip: MediaClip;
  readonly count: number;
  readonly seconds: number;
  readonly processor: string;
}

async function runStreams({ clip, count, seconds, processor }: StreamsRun): Promise<StreamsRow> {
  await using server = new TrickleServer();
  server.listen();
  await using worker = await WorkerProcess.start([
    ...["--processor", processor, "--target-fps", `${INPUT.fps}`, "--log-level", "error"],
    ...["--capacity", `${count}`],
  ]);
  const enough = new AbortController();
  const streams: BenchStream[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const stream = new BenchStream(server, { clip, name: `stream${i}`, signal: enough.signal });
      streams.push(stream);
      await stream.start(worker);
      await delay(BETWEEN_STARTS_MS);
    }
    await delay(SETTLE_MS);
    const [before, ownBefore, fromMs] = [
      await processUsage(worker.pid),
      cpuSeconds(),
      performance.now(),
    ];
    await delay(seconds * 1000);
    const [after, ownAfter, toMs] = [
      await processUsage(worker.pid),
      cpuSeconds(),
      performance.now(),
    ];
    // What was fed at the end of that time may come out.
    await delay(1_000);
    const taken = streams.filter(({ isTaken }) => isTaken);
    return {
      streams: count,
      started: taken.length,
      ...delays(taken, fromMs, toMs),
      ...usageOf(before, after, { streams: taken.length, ms: toMs - fromMs }),
      load_cpu: round((ownAfter - ownBefore) / (toMs - fromMs) * 100_000, 1),
    };
  } finally {
    enough.abort();
    await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  }
}

/** One stream: its feed, and what comes out. */
class BenchStream implements AsyncDisposable {
  readonly writtenMs = new Map<number, number>();
  readonly probe: OutputProbe;
  isTaken = false;
  readonly #server: TrickleServer;
  readonly #name: string;
  readonly #subscriber: TrickleSubscriber;
  readonly #feeding: Promise<void>;

  constructor(
    server: TrickleServer,
    { clip, name, signal }: { clip: MediaClip; name: string; signal: AbortSignal },
  ) {
    this.#server = server;
    this.#name = name;
    const sink = server.publisher(name, { autocreate: true });
    server.createChannel(`${name}-out`, "video/mp2t");
    this.#subscriber = new TrickleSubscriber(server.channelUrl(`${name}-out`), { start: 0 });
    this.probe = new OutputProbe(this.#subscriber);
    this.#feeding = feedLive(clip, {
      sink,
      signal,
      onWritten: (packet, atMs) => {
        if (packet.kind === "video") this.writtenMs.set(packet.ptsTicks, atMs);
      },
    }).then(() => sink.close());
  }

  /** Starts it, as soon as the worker takes it. */
  async start(worker: WorkerProcess): Promise<void> {
    const deadline = performance.now() + MAX_REFUSED_MS;
    while (!this.isTaken && performance.now() < deadline) {
      const { status } = await worker.call("/stream/start", {
        gateway_request_id: this.#name,
        subscribe_url: this.#server.channelUrl(this.#name),
        publish_url: this.#server.channelUrl(`${this.#name}-out`),
      });
      this.isTaken = status === 200;
      if (!this.isTaken) await delay(RETRY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#feeding;
    if (!this.isTaken) this.#server.closeChannel(`${this.#name}-out`);
    await this.probe.ended;
    await this.#subscriber[Symbol.asyncDispose]();
  }
}

function delays(
  streams: readonly BenchStream[],
  fromMs: number,
  toMs: number,
): Pick<StreamsRow, "p50" | "p95" | "max" | "dropped" | "frames"> {
  const all: number[] = [];
  let frames = 0;
  for (const { writtenMs, probe } of streams) {
    const arrived = new Map(probe.video.map(({ packet, atMs }) => [packet.ptsTicks, atMs]));
    for (const [ptsTicks, fedMs] of writtenMs) {
      if (fedMs < fromMs || fedMs > toMs) continue;
      frames++;
      const atMs = arrived.get(ptsTicks);
      if (atMs !== undefined) all.push(atMs - fedMs);
    }
  }
  all.sort((a, b) => a - b);
  return {
    p50: round(percentile(all, 0.5)),
    p95: round(percentile(all, 0.95)),
    max: round(all.at(-1) ?? NaN),
    dropped: frames - all.length,
    frames,
  };
}

type UsageFigures =
  | "worker_cpu"
  | "decoder_cpu"
  | "encoder_cpu"
  | "transcoder_cpu"
  | "worker_mib"
  | "children_mib";

function usageOf(
  before: ReadonlyMap<ProcessRole, Usage>,
  after: ReadonlyMap<ProcessRole, Usage>,
  { streams, ms }: { readonly streams: number; readonly ms: number },
): Pick<StreamsRow, UsageFigures> {
  const percent = (role: ProcessRole): number => {
    const used = (after.get(role)?.cpuSeconds ?? 0) - (before.get(role)?.cpuSeconds ?? 0);
    return round(used / ms * 100_000 / streams);
  };
  const bytes = (role: ProcessRole): number => after.get(role)?.memoryBytes ?? 0;
  const children = bytes("decoders") + bytes("encoders") + bytes("transcoders");
  return {
    worker_cpu: percent("worker"),
    decoder_cpu: percent("decoders"),
    encoder_cpu: percent("encoders"),
    transcoder_cpu: percent("transcoders"),
    worker_mib: Math.round(bytes("worker") / 2 ** 20),
    children_mib: Math.round(children / 2 ** 20),
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

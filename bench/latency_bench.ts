/**
 * Added latency of a live stream through a worker, and the time to its first output.
 *
 * A trickle server and the load run in this process, the worker in its own, ffmpeg in its own, all on
 * the same cores. The latency of a frame is the time from its last input byte being available to
 * subscribers to its last output byte at a subscriber of the output, both over HTTP.
 *
 * @module
 */

import { TrickleServer, TrickleSubscriber } from "../src/trickle/mod.ts";
import { feedLive, type MediaClip, OutputProbe } from "./live_feed.ts";
import { percentile } from "./statistics.ts";
import { makeClip } from "./test_clip.ts";
import { type BenchWorker, WorkerProcess } from "./worker_process.ts";

/** One picture size at one rate. */
export interface LatencyCase {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Whether the stream has sound. @default true */
  readonly audio?: boolean;
  readonly targets: { readonly p50: number; readonly p95?: number };
}

/** The cases with their targets in milliseconds. */
export const LATENCY_CASES: readonly LatencyCase[] = [
  { width: 512, height: 512, fps: 24, targets: { p50: 8, p95: 20 } },
  { width: 1280, height: 720, fps: 30, targets: { p50: 15, p95: 35 } },
  { width: 1920, height: 1080, fps: 30, targets: { p50: 45 } },
  { width: 1920, height: 1080, fps: 60, targets: { p50: Infinity } },
];

/** As many as a worker keeps without being told. */
const WARM_CHILDREN = 6;

/** What a worker does before it is idle may take so long, in milliseconds. */
const REHEARSAL_MS = 2_500;

/** What one run gave; times in milliseconds. */
export interface LatencyRun {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Of the first byte. */
  readonly firstOutputMs: number;
  /** Of the first picture that is whole. */
  readonly firstPictureMs: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Of the frames after the first second. */
  readonly dropped: number;
  /** Of those before: the backlog and the first second. */
  readonly passedOver: number;
  readonly repeated: number;
  readonly reordered: number;
  readonly peakMemoryBytes: number;
}

/** Options of {@linkcode measureLatency}. */
export interface LatencyOptions {
  /** How long frames are fed, in seconds. */
  readonly seconds: number;
  readonly processor?: string;
  /** Seconds of the stream before the worker is started on it. @default 1 */
  readonly lead?: number;
  /** Whether ffmpeg children wait for the stream, as they do in a worker that is idle. @default true */
  readonly warm?: boolean;
  /** Starts another worker than Runnel's; `processor` and `warm` are not for it. */
  readonly startWorker?: () => Promise<BenchWorker>;
}

/** A stream that was fed in real time, and what came of it. */
export interface LiveRun {
  readonly clip: MediaClip;
  readonly probe: OutputProbe;
  /** When each frame was available to subscribers, by its presentation time, in milliseconds. */
  readonly writtenMs: ReadonlyMap<number, number>;
  readonly startedMs: number;
  readonly peakMemoryBytes: number;
}

/** Runs one case once. */
export async function measureLatency(
  bench: LatencyCase,
  options: LatencyOptions,
): Promise<LatencyRun> {
  const run = await runLive(bench, options);
  return { ...summarize(run), peakMemoryBytes: run.peakMemoryBytes };
}

/** Feeds a stream of this size and rate through a worker of its own. */
export async function runLive(
  bench: Omit<LatencyCase, "targets">,
  options: LatencyOptions,
): Promise<LiveRun> {
  const { seconds, lead = 1 } = options;
  const { width, height, fps } = bench;
  const clip = await makeClip({ ...bench, seconds });
  await using server = new TrickleServer();
  server.listen();
  await using worker = await (options.startWorker?.() ?? startRunnel(fps, options));
  await using input = server.publisher("in", { autocreate: true });
  server.createChannel("out", "video/mp2t");
  await using subscriber = new TrickleSubscriber(server.channelUrl("out"), { start: 0 });
  const probe = new OutputProbe(subscriber);
  const writtenMs = new Map<number, number>();
  const feeding = feedLive(clip, {
    sink: input,
    onWritten: (packet, atMs) => {
      if (packet.kind === "video") writtenMs.set(packet.ptsTicks, atMs);
    },
  });
  await new Promise((resolve) => setTimeout(resolve, lead * 1000));
  const startedMs = performance.now();
  const { status, json } = await worker.call("/stream/start", {
    gateway_request_id: "bench",
    subscribe_url: server.channelUrl("in"),
    publish_url: server.channelUrl("out"),
    // PyTrickle scales to 512x512 unless it is told the size.
    ...(options.startWorker && { params: { width, height, max_framerate: fps } }),
  });
  if (status !== 200) throw new Error(`The worker refused the stream: ${JSON.stringify(json)}`);
  await feeding;
  const peakMemoryBytes = await worker.peakMemory();
  await input.close();
  await untilIdle(worker);
  // PyTrickle leaves it open.
  server.closeChannel("out");
  await probe.ended;
  return { clip, probe, writtenMs, startedMs, peakMemoryBytes };
}

/** Waits until the stream has ended. */
async function untilIdle(worker: BenchWorker): Promise<void> {
  while ((await worker.call("/health")).json["status"] !== "IDLE") {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A worker as it is when it has been idle for a while. */
async function startRunnel(fps: number, options: LatencyOptions): Promise<BenchWorker> {
  const { processor = "passthrough", warm = true } = options;
  const worker = await WorkerProcess.start([
    ...["--processor", processor, "--target-fps", `${fps}`, "--log-level", "warning"],
    ...["--warm-ffmpeg", `${warm ? WARM_CHILDREN : 0}`],
  ]);
  if (warm) await untilWarm(worker);
  return worker;
}

/** Waits until as many children wait as may. */
async function untilWarm(worker: BenchWorker): Promise<void> {
  const isWarm = async (): Promise<boolean> => {
    const text = await (await fetch(`${worker.url}/metrics`)).text();
    return text.includes(`\nrunnel_ffmpeg_waiting ${WARM_CHILDREN}\n`);
  };
  while (!await isWarm()) await new Promise((resolve) => setTimeout(resolve, 50));
  // The last of them is still starting, and then a stream is rehearsed.
  await new Promise((resolve) => setTimeout(resolve, REHEARSAL_MS));
}

function summarize({ probe, ...fed }: LiveRun): Omit<LatencyRun, "peakMemoryBytes"> {
  const video = probe.video;
  const times = video.map(({ packet }) => packet.ptsTicks);
  const first = times[0] ?? Infinity;
  const expected = fed.clip.packets.filter(({ kind, ptsTicks }) =>
    kind === "video" && ptsTicks >= first
  );
  // What waited in the channel when the stream began is a backlog, not latency.
  const live = video.filter(({ packet }) =>
    (fed.writtenMs.get(packet.ptsTicks) ?? 0) > fed.startedMs
  );
  // The first second is the start-up: children start, the backlog is worked off.
  const isSteady = (ptsTicks: number): boolean =>
    (fed.writtenMs.get(ptsTicks) ?? 0) > fed.startedMs + 1000;
  const steady = live.filter(({ packet }) => isSteady(packet.ptsTicks));
  const delays = steady.map(({ packet, atMs }) =>
    atMs - (fed.writtenMs.get(packet.ptsTicks) ?? NaN)
  )
    .sort((a, b) => a - b);
  const seen = new Set(times);
  const missing = expected.filter(({ ptsTicks }) => !seen.has(ptsTicks));
  const dropped = missing.filter(({ ptsTicks }) => isSteady(ptsTicks)).length;
  return {
    p50: percentile(delays, 0.5),
    p95: percentile(delays, 0.95),
    max: delays.at(-1) ?? NaN,
    firstOutputMs: (probe.firstByteMs ?? NaN) - fed.startedMs,
    firstPictureMs: (video[0]?.atMs ?? NaN) - fed.startedMs,
    framesIn: expected.length,
    framesOut: video.length,
    dropped,
    passedOver: missing.length - dropped,
    repeated: times.length - seen.size,
    reordered: times.filter((pts, i) => i > 0 && pts < times[i - 1]!).length,
  };
}

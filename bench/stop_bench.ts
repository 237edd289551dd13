/**
 * How long a worker takes from SIGTERM to its end, which shall be ten seconds at most: idle, within a
 * stream, and within a stream whose processor never ends.
 *
 * @module
 */

import { TrickleServer, TrickleSubscriber } from "../src/trickle/mod.ts";
import { feedLive, type MediaClip, OutputProbe } from "./live_feed.ts";
import { percentile, round } from "./statistics.ts";
import { makeClip } from "./test_clip.ts";
import { WorkerProcess } from "./worker_process.ts";

/** Longer than it takes until the worker is stopped. */
const INPUT = { width: 512, height: 512, fps: 30, seconds: 60 };
const FRAMES_BEFORE_STOP = 30;
const POLL_MS = 20;

/** One case; times in milliseconds. */
export interface StopRow {
  readonly worker: string;
  readonly p50: number;
  readonly max: number;
}

/** Runs each case so many times. Rejects when a worker does not end with exit code 0. */
export async function benchStop({ runs }: { readonly runs: number }): Promise<StopRow[]> {
  const clip = await makeClip(INPUT);
  const hanging = new URL("./processors/hangs_at_stop.ts", import.meta.url).pathname;
  return [
    await repeat("idle", runs, () => stopIdle()),
    await repeat("in a stream", runs, () => stopStreaming(clip, "passthrough")),
    await repeat("its processor never ends", runs, () => stopStreaming(clip, hanging)),
  ];
}

async function repeat(worker: string, runs: number, run: () => Promise<number>): Promise<StopRow> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await run());
  times.sort((a, b) => a - b);
  return { worker, p50: round(percentile(times, 0.5)), max: round(times.at(-1) ?? NaN) };
}

async function stopIdle(): Promise<number> {
  await using worker = await startWorker("passthrough");
  return await timeStop(worker);
}

async function stopStreaming(clip: MediaClip, processor: string): Promise<number> {
  await using server = new TrickleServer();
  server.listen();
  await using worker = await startWorker(processor);
  await using input = server.publisher("in", { autocreate: true });
  server.createChannel("out", "video/mp2t");
  await using subscriber = new TrickleSubscriber(server.channelUrl("out"), { start: 0 });
  const probe = new OutputProbe(subscriber);
  const { status, json } = await worker.call("/stream/start", {
    gateway_request_id: "bench",
    subscribe_url: server.channelUrl("in"),
    publish_url: server.channelUrl("out"),
  });
  if (status !== 200) throw new Error(`The worker refused the stream: ${JSON.stringify(json)}`);
  const enough = new AbortController();
  const feeding = feedLive(clip, { sink: input, signal: enough.signal });
  try {
    while (probe.video.length < FRAMES_BEFORE_STOP) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return await timeStop(worker);
  } finally {
    enough.abort();
    await feeding;
    await probe.ended;
  }
}

function startWorker(processor: string): Promise<WorkerProcess> {
  return WorkerProcess.start(["--processor", processor, "--log-level", "error"]);
}

/** Resolves to the milliseconds from SIGTERM to the end. */
async function timeStop(worker: WorkerProcess): Promise<number> {
  const sentMs = performance.now();
  const code = await worker.stop();
  if (code !== 0) throw new Error(`The worker ended with ${code}: ${worker.log.join("\n")}`);
  return performance.now() - sentMs;
}

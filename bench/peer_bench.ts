/**
 * Another worker beside Runnel, in the same run: request to first output, and what frames take after
 * that. Each is measured in turn: Runnel with ffmpeg that waits, without, and the other.
 *
 * @module
 */

import { type LatencyRun, measureLatency } from "./latency_bench.ts";
import { findPyTrickle, PyTrickleProcess } from "./peers/pytrickle.ts";
import { median, round } from "./statistics.ts";
import type { BenchWorker } from "./worker_process.ts";

/** The peers that there are. */
export const PEERS = ["pytrickle"] as const;

/** Streams with and without sound. */
const CASES = [
  { width: 512, height: 512, fps: 24 },
  { width: 1280, height: 720, fps: 30 },
].flatMap((size) => [true, false].map((audio) => ({ ...size, audio, targets: { p50: Infinity } })));

/** One worker at one size; times in milliseconds. */
export interface PeerRow {
  readonly size: string;
  readonly sound: boolean;
  readonly worker: string;
  readonly first_output_ms: number;
  readonly first_picture_ms: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly frames: number;
  readonly dropped: number;
  /** Of the backlog and the first second. */
  readonly passed_over: number;
  readonly peak_memory_mib: number;
}

/** Options of {@linkcode benchPeer}. */
export interface PeerBenchOptions {
  readonly runs: number;
  readonly seconds: number;
  readonly progress: (what: string) => void;
}

/** Measures PyTrickle beside Runnel; resolves to why not, where it cannot be had. */
export async function benchPeer(
  { runs, seconds, progress }: PeerBenchOptions,
): Promise<PeerRow[] | string> {
  const found = await findPyTrickle(progress);
  if ("missing" in found) return `PyTrickle is not measured: ${found.missing}`;
  const startPyTrickle = (): Promise<BenchWorker> => PyTrickleProcess.start(found.python);
  const workers = {
    "Runnel, warm": {},
    "Runnel, cold": { warm: false },
    PyTrickle: { startWorker: startPyTrickle },
  };
  const rows: PeerRow[] = [];
  for (const bench of CASES) {
    const figures = new Map<string, LatencyRun[]>();
    for (let run = 0; run < runs; run++) {
      for (const [worker, options] of Object.entries(workers)) {
        const { width, height, audio } = bench;
        progress(`${worker}: ${width}x${height}, ${audio ? "with" : "no"} sound, run ${run + 1}`);
        const figure = await measureLatency(bench, { seconds, ...options });
        figures.set(worker, [...figures.get(worker) ?? [], figure]);
      }
    }
    for (const [worker, seen] of figures) rows.push(peerRow(bench, worker, seen));
  }
  return rows;
}

function peerRow(
  { width, height, audio }: typeof CASES[number],
  worker: string,
  runs: readonly LatencyRun[],
): PeerRow {
  const typical = (figure: keyof LatencyRun): number => round(median(runs.map((r) => r[figure])));
  const total = (figure: keyof LatencyRun): number => runs.reduce((sum, r) => sum + r[figure], 0);
  return {
    size: `${width}x${height}`,
    sound: audio,
    worker,
    first_output_ms: typical("firstOutputMs"),
    first_picture_ms: typical("firstPictureMs"),
    p50: typical("p50"),
    p95: typical("p95"),
    max: typical("max"),
    frames: total("framesIn"),
    dropped: total("dropped"),
    passed_over: total("passedOver"),
    peak_memory_mib: Math.round(typical("peakMemoryBytes") / 2 ** 20),
  };
}

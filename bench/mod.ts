/**
 * What Runnel costs on this machine: `deno task bench`, or `./runnel bench [NAME…] [--json] [--runs N]
 * [--seconds N]` with the names `latency`, `throughput`, `streams`, `onlookers`, `relay`, `demux`,
 * `gpu`, `overload`, `start` and `stop`; all of them without a name. `--against FOLDER` is another
 * checkout, which `demux`, `relay` and `start` measure in turn with this one. `latency --peer
 * pytrickle` measures PyTrickle beside Runnel.
 *
 * Every figure is the median of several runs. Progress goes to standard error, the figures to standard
 * output: as tables, or as one JSON object.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { parseArgs } from "node:util";
import { benchDemux } from "./demux_bench.ts";
import { benchGpu } from "./gpu_bench.ts";
import {
  LATENCY_CASES,
  type LatencyCase,
  type LatencyRun,
  measureLatency,
} from "./latency_bench.ts";
import { benchOverload } from "./overload_bench.ts";
import { benchPeer, PEERS } from "./peer_bench.ts";
import { benchRelay } from "./relay_bench.ts";
import { median, round } from "./statistics.ts";
import { benchStart } from "./start_bench.ts";
import { benchStop } from "./stop_bench.ts";
import { benchStreams } from "./streams_bench.ts";
import { measureThroughput, THROUGHPUT_SIZES } from "./throughput_bench.ts";

/** First output byte after the start request on a live channel, in milliseconds. */
const FIRST_OUTPUT_TARGET_MS = 400;
/** Memory of the worker's own process at 720p, in MiB. */
const MEMORY_TARGET_MIB = 200;
const MEMORY_TARGET_HEIGHT = 720;

/** A processor that only looks: its pictures are copied. */
const ONLOOKER = new URL("./processors/onlooker.ts", import.meta.url).pathname;

/** A stream of which only the first output is looked at. */
const COLD_SECONDS = 4;

interface BenchSettings {
  readonly runs: number;
  readonly seconds: number;
  readonly against: string | undefined;
  readonly peer: string | undefined;
}

/** One row of the latency table; times in milliseconds. */
interface LatencyRow {
  readonly size: string;
  readonly fps: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly first_output_ms: number;
  /** The same where no ffmpeg children wait for the stream. */
  readonly first_output_cold_ms: number;
  readonly frames: number;
  readonly dropped: number;
  /** Frames of the backlog and the first second that were passed over to catch up. */
  readonly passed_over: number;
  readonly repeated: number;
  readonly reordered: number;
  readonly peak_memory_mib: number;
  readonly missed_targets: readonly string[];
}

const BENCHES: Readonly<Record<string, (settings: BenchSettings) => Promise<unknown>>> = {
  latency: benchLatency,
  throughput: benchThroughput,
  streams: ({ seconds }) => benchStreams({ seconds, progress: (what) => console.error(what) }),
  onlookers: ({ seconds }) =>
    benchStreams({ seconds, processor: ONLOOKER, progress: (what) => console.error(what) }),
  relay: ({ runs, against }) => benchRelay({ runs, against }),
  demux: benchDemux,
  gpu: benchGpuRows,
  overload: ({ seconds }) => benchOverload(seconds),
  start: benchStart,
  stop: ({ runs }) => benchStop({ runs }),
};

async function benchLatency(settings: BenchSettings): Promise<unknown> {
  if (settings.peer !== undefined) {
    return await benchPeer({ ...settings, progress: (what) => console.error(what) });
  }
  const rows: LatencyRow[] = [];
  for (const bench of LATENCY_CASES) {
    const runs: LatencyRun[] = [];
    const cold: LatencyRun[] = [];
    for (let run = 0; run < settings.runs; run++) {
      console.error(`latency ${bench.width}x${bench.height} at ${bench.fps} fps, run ${run + 1}`);
      runs.push(await measureLatency(bench, settings));
      cold.push(await measureLatency(bench, { ...settings, seconds: COLD_SECONDS, warm: false }));
    }
    rows.push(latencyRow(bench, runs, cold));
  }
  return rows;
}

function latencyRow(
  bench: LatencyCase,
  runs: readonly LatencyRun[],
  cold: readonly LatencyRun[],
): LatencyRow {
  const typical = (figure: keyof LatencyRun): number => round(median(runs.map((r) => r[figure])));
  const total = (figure: keyof LatencyRun): number => runs.reduce((sum, r) => sum + r[figure], 0);
  const row = {
    size: `${bench.width}x${bench.height}`,
    fps: bench.fps,
    p50: typical("p50"),
    p95: typical("p95"),
    max: typical("max"),
    first_output_ms: typical("firstOutputMs"),
    first_output_cold_ms: round(median(cold.map((run) => run.firstOutputMs))),
    frames: total("framesIn"),
    dropped: total("dropped"),
    passed_over: total("passedOver"),
    repeated: total("repeated"),
    reordered: total("reordered"),
    peak_memory_mib: Math.round(median(runs.map((r) => r.peakMemoryBytes)) / 2 ** 20),
  };
  return { ...row, missed_targets: missedTargets(bench, row) };
}

function missedTargets(
  { height, targets }: LatencyCase,
  row: Omit<LatencyRow, "missed_targets">,
): string[] {
  const missed: string[] = [];
  const expect = (name: string, value: number, limit: number | undefined): void => {
    // NaN, where nothing came out, misses as well.
    if (limit !== undefined && !(value <= limit)) missed.push(`${name} ${value} > ${limit}`);
  };
  expect("p50", row.p50, targets.p50);
  expect("p95", row.p95, targets.p95);
  expect("first output", row.first_output_ms, FIRST_OUTPUT_TARGET_MS);
  expect("dropped", row.dropped, 0);
  expect("repeated", row.repeated, 0);
  expect("reordered", row.reordered, 0);
  if (height === MEMORY_TARGET_HEIGHT) {
    expect("memory", row.peak_memory_mib, MEMORY_TARGET_MIB);
  }
  return missed;
}

async function benchThroughput({ runs }: BenchSettings): Promise<unknown[]> {
  const rows: unknown[] = [];
  for (const size of THROUGHPUT_SIZES) {
    console.error(`throughput ${size.width}x${size.height}, ${runs} runs`);
    const fps = await measureThroughput(size, { seconds: 10, runs, processor: "passthrough" });
    rows.push({ size: `${size.width}x${size.height}`, fps: round(median(fps)) });
  }
  return rows;
}

/** Each figure is taken over a fifth of the seconds of a stream's. */
async function benchGpuRows({ seconds }: BenchSettings): Promise<unknown> {
  const { adapter, software, rows } = await benchGpu({
    seconds: seconds / 5,
    progress: (what) => console.error(what),
  });
  return rows.map((row) => ({ adapter, software, ...row }));
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      runs: { type: "string", default: "3" },
      seconds: { type: "string", default: "12" },
      against: { type: "string" },
      peer: { type: "string" },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
  const settings = {
    runs: Number(values.runs),
    seconds: Number(values.seconds),
    against: values.against,
    peer: values.peer,
  };
  const isKnownPeer = settings.peer === undefined || PEERS.some((peer) => peer === settings.peer);
  const isUsable = settings.runs >= 1 && settings.seconds >= 4 && isKnownPeer;
  if (unknown !== undefined || !isUsable) {
    console.error(
      `Cannot bench ${unknown ?? ""}: use ${Object.keys(BENCHES).join(", ")}, ` +
        `--runs from 1, --seconds from 4, --peer ${PEERS.join(", ")}`,
    );
    return 2;
  }
  const results: Record<string, unknown> = {};
  for (const name of names) {
    const result = results[name] = await BENCHES[name]!(settings);
    if (values.json) continue;
    console.log(`\n${name}`);
    if (typeof result === "string") console.log(result);
    else console.table(result);
  }
  if (values.json) console.log(JSON.stringify({ ...machine(), ...results }));
  return 0;
}

function machine(): Record<string, unknown> {
  return {
    date: new Date().toISOString(),
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));

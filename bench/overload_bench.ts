/**
 * Processors that are too slow for their input, one that waits and one that computes without a pause: how
 * many frames come out, how old they are, and whether that stays so.
 *
 * @module
 */

import { runLive } from "./latency_bench.ts";
import { percentile, round } from "./statistics.ts";

const INPUT = { width: 512, height: 512, fps: 30 };
const PROCESSORS = ["slow", "computing"] as const;
/** Parts of the run that are compared. */
const PARTS = 6;
/** Until the start-up is over. */
const SETTLE_MS = 2_000;

/** One part of the run; times in milliseconds. */
export interface OverloadRow {
  /** Its file in `bench/processors`. */
  readonly processor: string;
  readonly part: string;
  readonly fps_in: number;
  readonly fps_out: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Percentiles of the time between two frames that came out. */
  readonly gap_p50: number;
  readonly gap_p95: number;
}

/** Runs each once, for this many seconds. */
export async function benchOverload(seconds: number): Promise<OverloadRow[]> {
  const rows: OverloadRow[] = [];
  for (const processor of PROCESSORS) rows.push(...await overload(processor, seconds));
  return rows;
}

async function overload(processor: string, seconds: number): Promise<OverloadRow[]> {
  const path = new URL(`./processors/${processor}.ts`, import.meta.url).pathname;
  const { probe, writtenMs, startedMs } = await runLive(INPUT, { seconds, processor: path });
  const frames = probe.video.flatMap(({ packet, atMs }) => {
    const inMs = writtenMs.get(packet.ptsTicks) ?? NaN;
    return inMs > startedMs + SETTLE_MS ? [{ inMs, atMs }] : [];
  });
  const firstMs = frames[0]!.inMs;
  const partMs = (frames.at(-1)!.inMs - firstMs) / PARTS;
  return Array.from({ length: PARTS }, (_, part) => {
    const [from, to] = [firstMs + part * partMs, firstMs + (part + 1) * partMs];
    const inPart = frames.filter(({ inMs }) => inMs >= from && inMs < to);
    const fedInPart = [...writtenMs.values()].filter((inMs) => inMs >= from && inMs < to);
    const ages = inPart.map(({ inMs, atMs }) => atMs - inMs).sort((a, b) => a - b);
    const gaps = inPart.slice(1).map(({ atMs }, i) => atMs - inPart[i]!.atMs).sort((a, b) => a - b);
    const seconds = (ms: number): string => ((ms - startedMs) / 1_000).toFixed(0);
    return {
      processor,
      part: `${seconds(from)}-${seconds(to)} s`,
      fps_in: round(fedInPart.length * 1_000 / partMs),
      fps_out: round(inPart.length * 1_000 / partMs),
      p50: round(percentile(ages, 0.5)),
      p95: round(percentile(ages, 0.95)),
      max: round(ages.at(-1) ?? NaN),
      gap_p50: round(percentile(gaps, 0.5)),
      gap_p95: round(percentile(gaps, 0.95)),
    };
  });
}

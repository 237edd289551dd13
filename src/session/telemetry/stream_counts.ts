/**
 * What one stream counts, in a form that can be added up: the totals of a worker are those of all of
 * its streams, the ended ones included.
 *
 * @module
 */

import type { DropReason, SessionMetrics, Stage } from "../types.ts";
import { addHistograms, emptyHistograms, type LatencyHistograms } from "./latency_histograms.ts";
import {
  type CounterName,
  type CountersByName,
  type CountsByName,
  type LabelledCounter,
  streamCounters,
} from "./stream_counters.ts";

/** Counts that only grow, and durations: plain data. */
export interface StreamCounts {
  /** In total, or by name where the counter has a label. */
  readonly counters: Readonly<Record<CounterName, number | CountsByName>>;
  readonly latency: LatencyHistograms;
}

const NO_DROPS = {
  rate: 0,
  queue: 0,
  processor: 0,
  error: 0,
  late: 0,
  behind: 0,
  decoder: 0,
  encoder: 0,
  output: 0,
  stop: 0,
} satisfies Record<DropReason, number>;

const NO_ERRORS = {
  input: 0,
  decode: 0,
  queue: 0,
  process: 0,
  encode: 0,
  output: 0,
  data: 0,
  events: 0,
  control: 0,
  stream: 0,
} satisfies Record<Stage | "stream", number>;

/** A counter that begins with its first event hides that event from `rate()`: all begin at 0. */
const ZEROS: Readonly<Record<LabelledCounter, CountsByName>> = {
  frames_dropped: NO_DROPS,
  frames_unseen: NO_DROPS,
  errors: NO_ERRORS,
};

/** The counts of no stream. */
export const NO_COUNTS: StreamCounts = Object.freeze({
  counters: counters((name) => ZEROS[name as LabelledCounter] ?? 0),
  latency: emptyHistograms(),
});

/** The counters of a session: by name where they have a label. */
export function countersOf(metrics: SessionMetrics): StreamCounts["counters"] {
  return counters((name, by) =>
    by === undefined ? metrics[name] : metrics[`${name}_by_${by}` as keyof CountersByName]
  );
}

/** The counts of two streams together. */
export function addCounts(one: StreamCounts, other: StreamCounts): StreamCounts {
  return {
    counters: counters((name) => addCount(one.counters[name], other.counters[name])),
    latency: addHistograms(one.latency, other.latency),
  };
}

/** Adds what has the same name. */
export function addByName(one: CountsByName, other: CountsByName): CountsByName {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function addCount(one: number | CountsByName, other: number | CountsByName): number | CountsByName {
  return typeof one === "number" ? one + (other as number) : addByName(one, other as CountsByName);
}

function counters(
  of: (name: CounterName, by: string | undefined) => number | CountsByName,
): StreamCounts["counters"] {
  const entries = streamCounters().map(([name, { by }]) => [name, of(name, by)] as const);
  return Object.fromEntries(entries) as Record<CounterName, number | CountsByName>;
}

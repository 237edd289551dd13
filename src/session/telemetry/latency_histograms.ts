/**
 * How long frames take, as counts in fixed buckets: plain data that can be added up across streams and
 * sent to another thread.
 *
 * @module
 */

/**
 * Upper bounds of the buckets in seconds, inclusive, ascending; a last bucket without a bound comes
 * after them. Dense around the time of a frame at 60, 30 and 24 fps, where it is decided whether a
 * stream keeps up.
 */
export const LATENCY_BUCKETS_SECONDS: readonly number[] = Object.freeze(
  [0.001, 0.0025, 0.005, 0.01, 0.0167, 0.025, 0.0334, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10],
);

/** What is timed, as a sentence without its full stop. */
export const LATENCY_HELP = "Time that written frames took per stage and in total";

/** The stages whose durations are counted, and the whole way of a frame. */
export const LATENCY_STAGES = ["decode", "queue", "process", "encode", "total"] as const;

/** See {@linkcode LATENCY_STAGES}. */
export type LatencyStage = typeof LATENCY_STAGES[number];

/** The counts of one stage. Structured-cloneable. */
export interface HistogramFigures {
  /** All durations, also those longer than every bound. */
  readonly count: number;
  /** Their sum in seconds. */
  readonly sum_seconds: number;
  /** For each of `LATENCY_BUCKETS_SECONDS`: the durations up to it. Never falls along the array. */
  readonly cumulative: readonly number[];
}

/** The counts of every stage of a stream. */
export type LatencyHistograms = Readonly<Record<LatencyStage, HistogramFigures>>;

/** Histograms of nothing. */
export function emptyHistograms(): LatencyHistograms {
  return ofEachStage(() => ({
    count: 0,
    sum_seconds: 0,
    cumulative: LATENCY_BUCKETS_SECONDS.map(() => 0),
  }));
}

/** The histograms of two streams together. */
export function addHistograms(one: LatencyHistograms, other: LatencyHistograms): LatencyHistograms {
  return ofEachStage((stage) => {
    const [a, b] = [one[stage], other[stage]];
    return {
      count: a.count + b.count,
      sum_seconds: a.sum_seconds + b.sum_seconds,
      cumulative: a.cumulative.map((count, bucket) => count + (b.cumulative[bucket] ?? 0)),
    };
  });
}

/** Makes one value for each stage. */
export function ofEachStage<T>(
  make: (stage: LatencyStage) => T,
): Readonly<Record<LatencyStage, T>> {
  return {
    decode: make("decode"),
    queue: make("queue"),
    process: make("process"),
    encode: make("encode"),
    total: make("total"),
  };
}

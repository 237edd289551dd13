/**
 * Running figures: rates and latency percentiles over a recent window, and histograms over all of it.
 *
 * @module
 */

import { LATENCY_BUCKETS_SECONDS } from "./latency_histograms.ts";
import type { HistogramFigures } from "./latency_histograms.ts";
import type { LatencyFigures } from "../types.ts";

/** Seconds that a rate looks back. */
const RATE_WINDOW_SECONDS = 5;
/** Durations that percentiles look back. */
const LATENCY_WINDOW = 1_024;

/** Events per second over the last five seconds, in one-second slots. */
export class RateMeter {
  readonly #now: () => number;
  readonly #counts = new Array<number>(RATE_WINDOW_SECONDS + 1).fill(0);
  #slot: number;
  readonly #startedAtMs: number;

  /** Creates a meter that starts now. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startedAtMs = now();
    this.#slot = Math.floor(this.#startedAtMs / 1000);
  }

  /** Counts one event. */
  mark(): void {
    this.#advance();
    const index = this.#slot % this.#counts.length;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** Events per second, to one decimal. */
  get perSecond(): number {
    this.#advance();
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    const now = this.#now();
    const windowStart = (this.#slot - RATE_WINDOW_SECONDS) * 1000;
    const seconds = Math.max((now - Math.max(windowStart, this.#startedAtMs)) / 1000, 1);
    return Math.round(total / seconds * 10) / 10;
  }

  #advance(): void {
    const slot = Math.floor(this.#now() / 1000);
    const steps = Math.min(slot - this.#slot, this.#counts.length);
    for (let step = 1; step <= steps; step++) {
      this.#counts[(slot - steps + step) % this.#counts.length] = 0;
    }
    this.#slot = slot;
  }
}

/** Percentiles of the last 1,024 durations; the maximum is over all of them. */
export class LatencyMeter {
  readonly #values = new Float64Array(LATENCY_WINDOW);
  #count = 0;
  #max = 0;

  /** Adds a duration in milliseconds. */
  add(durationMs: number): void {
    this.#values[this.#count++ % LATENCY_WINDOW] = durationMs;
    if (durationMs > this.#max) this.#max = durationMs;
  }

  /** The figures now, to a hundredth of a millisecond. */
  figures(): LatencyFigures {
    if (this.#count === 0) return { p50: null, p95: null, max: null };
    const sorted = this.#values.slice(0, Math.min(this.#count, LATENCY_WINDOW)).sort();
    return {
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      max: roundHundredth(this.#max),
    };
  }
}

/**
 * Durations counted in the fixed buckets of `LATENCY_BUCKETS_SECONDS`. Unlike percentiles, the
 * figures of several streams and of several workers may be added up.
 */
export class LatencyHistogram {
  /** One count per bucket, not cumulative; the last is of what is longer than every bound. */
  readonly #counts = new Float64Array(LATENCY_BUCKETS_SECONDS.length + 1);
  #sumSeconds = 0;

  /** Adds a duration in milliseconds. Allocates nothing. */
  add(durationMs: number): void {
    const seconds = durationMs / 1_000;
    let bucket = 0;
    while (seconds > LATENCY_BUCKETS_SECONDS[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sumSeconds += seconds;
  }

  /** The figures now: plain data, which may be sent to another thread. */
  figures(): HistogramFigures {
    let count = 0;
    const cumulative: number[] = [];
    for (let bucket = 0; bucket < LATENCY_BUCKETS_SECONDS.length; bucket++) {
      count += this.#counts[bucket]!;
      cumulative.push(count);
    }
    count += this.#counts[LATENCY_BUCKETS_SECONDS.length]!;
    return { count, sum_seconds: this.#sumSeconds, cumulative };
  }
}

/** The nearest-rank percentile of sorted values, to a hundredth. */
function percentile(sorted: Float64Array, share: number): number {
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return roundHundredth(sorted[rank] ?? 0);
}

function roundHundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

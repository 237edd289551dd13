/**
 * The few figures that benches print.
 *
 * @module
 */

/** The nearest-rank percentile of sorted values; NaN for none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** The median: the middle value, or the lower of the two in the middle; NaN for none. */
export function median(values: readonly number[]): number {
  return percentile([...values].sort((a, b) => a - b), 0.5);
}

/** To one decimal, or another step than a tenth. */
export function round(value: number, steps = 10): number {
  return Math.round(value * steps) / steps;
}

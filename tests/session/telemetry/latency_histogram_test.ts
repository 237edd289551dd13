import assert from "node:assert/strict";
import { LatencyHistogram } from "../../../src/session/telemetry/figures.ts";
import {
  addHistograms,
  emptyHistograms,
  LATENCY_BUCKETS_SECONDS,
  LATENCY_STAGES,
} from "../../../src/session/telemetry/latency_histograms.ts";
import { StreamMeters } from "../../../src/session/telemetry/stream_meters.ts";

Deno.test("LatencyHistogram counts a duration in every bucket from its own upwards", () => {
  const histogram = new LatencyHistogram();
  const durations = [0, 0.5, 1, 1.01, 33, 40, 999, 1000, 10_000, 10_001, 600_000];
  for (const ms of durations) histogram.add(ms);
  const { count, sum_seconds, cumulative } = histogram.figures();
  assert.equal(count, durations.length);
  assert.ok(Math.abs(sum_seconds - durations.reduce((sum, ms) => sum + ms, 0) / 1000) < 1e-9);
  for (const [bucket, bound] of LATENCY_BUCKETS_SECONDS.entries()) {
    const below = durations.filter((ms) => ms / 1000 <= bound).length;
    assert.equal(cumulative[bucket], below, `${bound} s`);
  }
});

Deno.test("LatencyHistogram's figures are of their moment and survive a structured clone", () => {
  const histogram = new LatencyHistogram();
  histogram.add(20);
  const figures = histogram.figures();
  histogram.add(20);
  assert.equal(figures.count, 1);
  assert.deepEqual(structuredClone(figures), figures);
});

Deno.test("addHistograms() adds counts, sums and every bucket of every stage", () => {
  const histogram = new LatencyHistogram();
  for (const ms of [2, 30, 70_000]) histogram.add(ms);
  const figures = histogram.figures();
  const one = { ...emptyHistograms(), total: figures, encode: figures };
  assert.deepEqual(addHistograms(one, emptyHistograms()), one);
  const twice = addHistograms(one, one);
  assert.equal(twice.total.count, 6);
  assert.deepEqual(twice.encode.cumulative, figures.cumulative.map((count) => count * 2));
  assert.equal(twice.queue.count, 0);
});

Deno.test("StreamMeters keeps a histogram of each stage and of the whole way", () => {
  let now = 0;
  const meters = new StreamMeters(() => now);
  meters.frameArrived(900);
  for (const [at, mark] of [[3, "decoded"], [4, "processing"], [9, "processed"]] as const) {
    now = at;
    meters.frameReached(mark, 900);
  }
  now = 15;
  meters.frameWritten(900);
  meters.frameArrived(901);
  now = 1_015;
  meters.frameWritten(901);
  const histograms = meters.details().latency;
  const sums = LATENCY_STAGES.map((stage) => Math.round(histograms[stage].sum_seconds * 1000));
  assert.deepEqual(sums, [3, 1, 5, 6, 1_015]);
  assert.deepEqual(LATENCY_STAGES.map((stage) => histograms[stage].count), [1, 1, 1, 1, 2]);
});

/**
 * A metric: its name, and how it is read off the figures of a worker.
 *
 * @module
 */

import { LATENCY_BUCKETS_SECONDS, LATENCY_STAGES } from "../../session/mod.ts";
import type { LatencyHistograms } from "../../session/mod.ts";
import type { ServerFigures } from "./server_figures.ts";
import type { CountsByName, StreamCounts } from "../../worker/mod.ts";
import { type FamilyHeader, histogramSamples, type Labels, type Sample } from "./text_format.ts";

/** The counts of an active stream, under the value of its label. */
export interface StreamSeries {
  readonly label: string;
  readonly counts: StreamCounts;
  readonly figures: ServerFigures["streams"][number];
}

/** What metrics are read off: the figures, with what was worked out of them once. */
export interface Scrape {
  readonly figures: ServerFigures;
  /** All streams together, also those that are over. */
  readonly totals: StreamCounts;
  readonly streams: readonly StreamSeries[];
}

/** A metric and its values. */
export interface Family extends FamilyHeader {
  /** Names of its labels, without a histogram's `le`. */
  readonly labels: readonly string[];
  readonly samples: (scrape: Scrape) => Iterable<Sample>;
}

/** A value without labels; none where it is null. */
export function single(
  header: FamilyHeader,
  value: (figures: ServerFigures) => number | null,
): Family {
  return {
    ...header,
    labels: [],
    samples({ figures }) {
      const found = value(figures);
      return found === null ? [] : [{ labels: {}, value: found }];
    },
  };
}

/** A value for each name. */
export function byName(
  label: string,
  counts: CountsByName,
  others: Labels = {},
): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({
    labels: { ...others, [label]: name },
    value,
  }));
}

/** What every stream counts, and what a worker does in total. */
interface StreamCounter {
  /** Without the beginning `runnel_` or `runnel_stream_` and the end `_total`. */
  readonly stem: string;
  readonly help: string;
  /** The label of counts by name. @default none */
  readonly label?: string;
  readonly read: (counts: StreamCounts) => number | CountsByName;
}

/**
 * The two metrics of a counter. They have different names: a sum over both would count twice, and the
 * series of a stream end with it while the worker's go on.
 */
export function streamCounter(counter: StreamCounter): readonly [Family, Family] {
  const { stem, help, label = "", read } = counter;
  const samplesOf = (counts: StreamCounts, labels: Labels): Sample[] => {
    const value = read(counts);
    return typeof value === "number" ? [{ labels, value }] : byName(label, value, labels);
  };
  const own = label === "" ? [] : [label];
  return [
    {
      name: `runnel_${stem}_total`,
      type: "counter",
      help: `${help}, all streams of the worker together.`,
      labels: own,
      samples: ({ totals }) => samplesOf(totals, {}),
    },
    {
      name: `runnel_stream_${stem}_total`,
      type: "counter",
      help: `${help}, while the stream is active.`,
      labels: ["stream", ...own],
      samples: ({ streams }) =>
        streams.flatMap(({ label, counts }) => samplesOf(counts, { stream: label })),
    },
  ];
}

/** The latency of the worker's streams together, and of each active one. */
export function latencyFamilies(): readonly [Family, Family] {
  const help = "Time that written frames took per stage and in total";
  return [
    {
      name: "runnel_latency_seconds",
      type: "histogram",
      help: `${help}, all streams of the worker together.`,
      labels: ["stage"],
      samples: ({ totals }) => latencySamples(totals.latency, {}),
    },
    {
      name: "runnel_stream_latency_seconds",
      type: "histogram",
      help: `${help}, while the stream is active.`,
      labels: ["stream", "stage"],
      samples: ({ streams }) =>
        streams.flatMap(({ label, counts }) => latencySamples(counts.latency, { stream: label })),
    },
  ];
}

function latencySamples(latency: LatencyHistograms, labels: Labels): Sample[] {
  return LATENCY_STAGES.flatMap((stage) => {
    const { cumulative, count, sum_seconds: sum } = latency[stage];
    const bounds = LATENCY_BUCKETS_SECONDS;
    return [...histogramSamples({ ...labels, stage }, { bounds, cumulative, count, sum })];
  });
}

/**
 * The metrics of streams: what each counts while it is active, and all of them together.
 *
 * @module
 */

import {
  LATENCY_BUCKETS_SECONDS,
  LATENCY_HELP,
  LATENCY_STAGES,
  streamCounters,
  type StreamCounts,
} from "../../session/mod.ts";
import { byName, type Family, type StreamSeries } from "./family.ts";
import { histogramSamples, type Labels, type MetricType, type Sample } from "./text_format.ts";

/** Figures of a processor's `getMetrics()` that are exported of one stream. */
const MAX_PROCESSOR_FIGURES = 50;

/** What a worker has in total, and each stream by itself. */
interface StreamMetric {
  readonly type: MetricType;
  /** Without the beginning `runnel_` or `runnel_stream_`. */
  readonly stem: string;
  readonly help: string;
  readonly label: string | undefined;
  readonly samples: (counts: StreamCounts, labels: Labels) => Sample[];
}

const STREAM_METRICS: readonly StreamMetric[] = [
  ...streamCounters().map(([name, { help, by }]): StreamMetric => ({
    ...{ type: "counter", stem: `${name}_total`, help, label: by },
    samples: ({ counters }, labels) => {
      const count = counters[name];
      return typeof count === "number" ? [{ labels, value: count }] : byName(by!, count, labels);
    },
  })),
  {
    ...{ type: "histogram", stem: "latency_seconds", help: LATENCY_HELP, label: "stage" },
    samples: ({ latency }, labels) =>
      LATENCY_STAGES.flatMap((stage) => {
        const { cumulative, count, sum_seconds: sum } = latency[stage];
        const bounds = LATENCY_BUCKETS_SECONDS;
        return [...histogramSamples({ ...labels, stage }, { bounds, cumulative, count, sum })];
      }),
  },
];

/**
 * The two metrics of one. They have different names: a sum over both would count twice, and the series of
 * a stream end with it while the worker's go on.
 */
function inTotalAndByStream({ type, stem, help, label, samples }: StreamMetric): Family[] {
  const own = label === undefined ? [] : [label];
  return [
    {
      name: `runnel_${stem}`,
      type,
      help: `${help}, all streams of the worker together.`,
      labels: own,
      samples: ({ totals }) => samples(totals, {}),
    },
    {
      name: `runnel_stream_${stem}`,
      type,
      help: `${help}, while the stream is active.`,
      labels: ["stream", ...own],
      samples: ({ streams }) =>
        streams.flatMap(({ label, counts }) => samples(counts, { stream: label })),
    },
  ];
}

const STREAM_GAUGES: readonly Family[] = [
  {
    name: "runnel_stream_frames_per_second",
    type: "gauge",
    help: "Video frames or audio packets per second over the last five seconds.",
    labels: ["stream", "media", "direction"],
    samples: ({ streams }) => streams.flatMap(rateSamples),
  },
  {
    name: "runnel_stream_time_to_first_output_seconds",
    type: "gauge",
    help: "From the start of the stream to its first output byte; absent before it.",
    labels: ["stream"],
    samples: ({ streams }) =>
      streams.flatMap(({ label, figures }) => {
        const ms = figures.metrics.time_to_first_frame_ms;
        return ms === null ? [] : [{ labels: { stream: label }, value: ms / 1_000 }];
      }),
  },
  {
    name: "runnel_stream_processor_figure",
    type: "gauge",
    help: "Numbers that the processor's getMetrics() gives, the first 50.",
    labels: ["stream", "name"],
    samples: ({ streams }) => streams.flatMap(processorSamples),
  },
];

/** Counters, histograms and gauges. */
export const STREAM_FAMILIES: readonly Family[] = [
  ...STREAM_METRICS.flatMap(inTotalAndByStream),
  ...STREAM_GAUGES,
];

function rateSamples({ label: stream, figures }: StreamSeries): Sample[] {
  const { fps } = figures.metrics;
  const sample = (media: string, direction: string, value: number): Sample => ({
    labels: { stream, media, direction },
    value,
  });
  return [
    sample("video", "in", fps.ingress_video_fps),
    sample("video", "out", fps.egress_video_fps),
    sample("audio", "in", fps.ingress_audio_fps),
    sample("audio", "out", fps.egress_audio_fps),
  ];
}

function processorSamples({ label: stream, figures }: StreamSeries): Sample[] {
  return Object.entries(figures.metrics.processor)
    .flatMap(([name, value]) =>
      typeof value === "number" ? [{ labels: { stream, name }, value }] : []
    )
    .slice(0, MAX_PROCESSOR_FIGURES);
}

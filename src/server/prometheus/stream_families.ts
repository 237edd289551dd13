/**
 * The metrics of streams: what each counts while it is active, and all of them together.
 *
 * @module
 */

import { type Family, latencyFamilies, streamCounter, type StreamSeries } from "./family.ts";
import type { Sample } from "./text_format.ts";

/** Figures of a processor's `getMetrics()` that are exported of one stream. */
const MAX_PROCESSOR_FIGURES = 50;

const STREAM_COUNTERS: readonly Family[] = [
  streamCounter({
    stem: "frames_in",
    help: "Video frames that arrived",
    read: (counts) => counts.frames_in,
  }),
  streamCounter({
    stem: "frames_processed",
    help: "Video frames that the processor returned",
    read: (counts) => counts.frames_processed,
  }),
  streamCounter({
    stem: "frames_out",
    help: "Video frames that were written to the output",
    read: (counts) => counts.frames_out,
  }),
  streamCounter({
    stem: "frames_consumed",
    help: "Video frames that ended with their processing, for want of an output",
    read: (counts) => counts.frames_consumed,
  }),
  streamCounter({
    stem: "frames_dropped",
    help: "Video frames that were not written, by why",
    label: "reason",
    read: (counts) => counts.frames_dropped,
  }),
  streamCounter({
    stem: "frames_copied",
    help: "Video frames that went on as they came, since the processor only looks",
    read: (counts) => counts.frames_copied,
  }),
  streamCounter({
    stem: "frames_unseen",
    help: "Copied video frames that the processor did not get or failed on, by why",
    label: "reason",
    read: (counts) => counts.frames_unseen,
  }),
  streamCounter({
    stem: "frames_overlaid",
    help: "Video frames in whose place the loading overlay was written",
    read: (counts) => counts.frames_overlaid,
  }),
  streamCounter({
    stem: "audio_packets_in",
    help: "Audio packets that arrived",
    read: (counts) => counts.audio_packets_in,
  }),
  streamCounter({
    stem: "audio_packets_done",
    help:
      "Audio packets of the input that were written, or processed where nothing is to be written",
    read: (counts) => counts.audio_packets_done,
  }),
  streamCounter({
    stem: "audio_packets_out",
    help: "Audio packets that were written",
    read: (counts) => counts.audio_packets_out,
  }),
  streamCounter({
    stem: "audio_packets_dropped",
    help: "Audio packets that were not written",
    read: (counts) => counts.audio_packets_dropped,
  }),
  streamCounter({
    stem: "audio_packets_unheard",
    help:
      "Audio packets that went on and that a processor which only listens did not get or failed on",
    read: (counts) => counts.audio_packets_unheard,
  }),
  streamCounter({
    stem: "segments_in",
    help: "Input segments that were begun",
    read: (counts) => counts.segments_in,
  }),
  streamCounter({
    stem: "segments_skipped",
    help: "Input segments that were missing in the sequence, or whose rest was lost",
    read: (counts) => counts.segments_skipped,
  }),
  streamCounter({
    stem: "segments_out",
    help: "Output segments that were begun",
    read: (counts) => counts.segments_out,
  }),
  streamCounter({
    stem: "segments_lost",
    help: "Output segments that the server has not acknowledged: not stored, or not whole",
    read: (counts) => counts.segments_lost,
  }),
  streamCounter({
    stem: "frames_lost",
    help: "Frames that were written to these segments",
    read: (counts) => counts.frames_lost,
  }),
  streamCounter({
    stem: "input_bytes",
    help: "Bytes that were read from input channels",
    read: (counts) => counts.input_bytes,
  }),
  streamCounter({
    stem: "output_bytes",
    help: "Bytes that were written to output channels",
    read: (counts) => counts.output_bytes,
  }),
  streamCounter({
    stem: "data_lines_sent",
    help: "Lines that were published on data channels",
    read: (counts) => counts.data_lines_sent,
  }),
  streamCounter({
    stem: "data_lines_dropped",
    help: "Lines for data channels that were lost",
    read: (counts) => counts.data_lines_dropped,
  }),
  streamCounter({
    stem: "events_sent",
    help: "Events that were published on events channels",
    read: (counts) => counts.events_sent,
  }),
  streamCounter({
    stem: "events_dropped",
    help: "Events that were too many, too large or lost",
    read: (counts) => counts.events_dropped,
  }),
  streamCounter({
    stem: "control_messages",
    help: "Messages that came on control channels",
    read: (counts) => counts.control_messages,
  }),
  streamCounter({
    stem: "codec_restarts",
    help: "ffmpeg children that died and were started again",
    read: (counts) => counts.codec_restarts,
  }),
  streamCounter({
    stem: "codec_hangs",
    help: "ffmpeg children that were ended because they hung",
    read: (counts) => counts.codec_hangs,
  }),
  streamCounter({
    stem: "hardware_fallbacks",
    help: "Hardware codecs that gave nothing and that software took the place of",
    read: (counts) => counts.hardware_fallbacks,
  }),
  streamCounter({
    stem: "errors",
    help: "Errors, by where",
    label: "stage",
    read: (counts) => counts.errors,
  }),
].flat();

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
  ...STREAM_COUNTERS,
  ...latencyFamilies(),
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

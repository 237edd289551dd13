/**
 * Everything that a stream counts, in one table: a counter is one row here, and a place that adds to it
 * in `StreamMeters.counts`. The status, Prometheus' metrics, OpenTelemetry's, `/openapi.json` and the
 * table in docs/observability.md are made from it, or held against it by a test.
 *
 * @module
 */

/** What a counter is. */
export interface StreamCounter {
  /** What it counts, in OpenTelemetry's units (UCUM): `By`, or a noun in braces. */
  readonly unit: string;
  /** What it counts, as a sentence without its full stop. */
  readonly help: string;
  /** Where it is counted by names: what the names are. */
  readonly by?: "reason" | "stage";
}

/** The counters of a stream. */
export const STREAM_COUNTERS = {
  frames_in: { unit: "{frame}", help: "Video frames that arrived" },
  frames_processed: { unit: "{frame}", help: "Video frames that the processor returned" },
  frames_out: { unit: "{frame}", help: "Video frames that were written to the output" },
  frames_consumed: {
    unit: "{frame}",
    help: "Video frames whose processing was their end: the stream has no output",
  },
  frames_dropped: {
    unit: "{frame}",
    help: "Video frames that were not written, by reason",
    by: "reason",
  },
  frames_copied: {
    unit: "{frame}",
    help: "Video frames that were copied to the output, because the processor only looks",
  },
  frames_unseen: {
    unit: "{frame}",
    help: "Copied video frames that the processor did not get or failed on, by reason",
    by: "reason",
  },
  frames_overlaid: {
    unit: "{frame}",
    help: "Video frames that the loading overlay replaced in the output",
  },
  audio_packets_in: { unit: "{packet}", help: "Audio packets that arrived" },
  audio_packets_done: {
    unit: "{packet}",
    help: "Audio packets of the input that were written, or processed where there is no output",
  },
  audio_packets_out: { unit: "{packet}", help: "Audio packets that were written" },
  audio_packets_dropped: { unit: "{packet}", help: "Audio packets that were not written" },
  audio_packets_unheard: {
    unit: "{packet}",
    help: "Copied audio packets that a processor that only listens did not get or failed on",
  },
  segments_in: { unit: "{segment}", help: "Input segments that were begun" },
  segments_skipped: {
    unit: "{segment}",
    help: "Input segments that were missing in the sequence, or whose rest was lost",
  },
  segments_out: { unit: "{segment}", help: "Output segments that were begun" },
  segments_lost: {
    unit: "{segment}",
    help: "Output segments that the server has not acknowledged: not stored, or not whole",
  },
  frames_lost: {
    unit: "{frame}",
    help: "Frames of frames_out that were written to lost output segments",
  },
  input_bytes: { unit: "By", help: "Bytes that were read from input channels" },
  output_bytes: { unit: "By", help: "Bytes that were written to output channels" },
  data_lines_sent: { unit: "{line}", help: "Lines that were published on data channels" },
  data_lines_dropped: {
    unit: "{line}",
    help: "Lines for data channels that were too long, pushed out or lost, or had no channel",
  },
  events_sent: { unit: "{event}", help: "Events that were published on events channels" },
  events_dropped: { unit: "{event}", help: "Events that were too many, too large or lost" },
  control_messages: {
    unit: "{message}",
    help: "Messages that came on control channels, without keep-alives",
  },
  codec_restarts: { unit: "{restart}", help: "ffmpeg children that died and were started again" },
  codec_hangs: { unit: "{hang}", help: "ffmpeg children that were ended because they hung" },
  hardware_fallbacks: {
    unit: "{fallback}",
    help: "Hardware codecs that gave nothing and were replaced by software",
  },
  errors: { unit: "{error}", help: "Errors, by stage", by: "stage" },
} as const satisfies Readonly<Record<string, StreamCounter>>;

type Table = typeof STREAM_COUNTERS;

/** The name of a counter. */
export type CounterName = keyof Table;

/** The names of the counters that are counted by names. */
export type LabelledCounter = {
  [Name in CounterName]: Table[Name] extends { readonly by: string } ? Name : never;
}[CounterName];

/** Counts under names such as the reason of a drop. */
export type CountsByName = Readonly<Record<string, number>>;

/** The counters of a stream, each in total. */
export type CounterTotals = { readonly [Name in CounterName]: number };

/** The counters that are counted by names: `frames_dropped_by_reason` and the like. */
export type CountersByName = {
  readonly [Name in LabelledCounter as `${Name}_by_${Table[Name]["by"]}`]: CountsByName;
};

/** Every counter with its name, in the order of the table. */
export function streamCounters(): readonly (readonly [CounterName, StreamCounter])[] {
  return Object.entries(STREAM_COUNTERS) as [CounterName, StreamCounter][];
}

/** The name of a counter for OpenTelemetry: `runnel.frames.in`, and `runnel.input.size` for bytes. */
export function telemetryName(name: CounterName): string {
  return `runnel.${name.replace(/_bytes$/, "_size").replaceAll("_", ".")}`;
}

/**
 * What one stream counts, in a form that can be added up: the totals of a worker are those of all of
 * its streams, the ended ones included.
 *
 * @module
 */

import {
  addHistograms,
  type DropReason,
  emptyHistograms,
  type LatencyHistograms,
  type SessionDetails,
  type SessionMetrics,
  type Stage,
} from "../session/mod.ts";

/** Counts under names such as the reason of a drop. */
export type CountsByName = Readonly<Record<string, number>>;

/** Counts that only grow. */
export interface StreamCounts {
  readonly frames_in: number;
  readonly frames_processed: number;
  readonly frames_out: number;
  readonly frames_consumed: number;
  readonly frames_dropped: CountsByName;
  readonly frames_copied: number;
  readonly frames_unseen: CountsByName;
  readonly frames_overlaid: number;
  readonly audio_packets_in: number;
  readonly audio_packets_done: number;
  readonly audio_packets_out: number;
  readonly audio_packets_dropped: number;
  readonly audio_packets_unheard: number;
  readonly segments_in: number;
  readonly segments_skipped: number;
  readonly segments_out: number;
  readonly segments_lost: number;
  readonly frames_lost: number;
  readonly input_bytes: number;
  readonly output_bytes: number;
  readonly data_lines_sent: number;
  readonly data_lines_dropped: number;
  readonly events_sent: number;
  readonly events_dropped: number;
  readonly control_messages: number;
  readonly codec_restarts: number;
  readonly codec_hangs: number;
  readonly hardware_fallbacks: number;
  /** By stage; `stream` is the error that a stream ended with. */
  readonly errors: CountsByName;
  readonly latency: LatencyHistograms;
}

/** A counter that begins with its first event hides that event from `rate()`: all begin at 0. */
const NO_DROPS: CountsByName = {
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

const NO_ERRORS: CountsByName = {
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

/** The counts of no stream. */
export const NO_COUNTS: StreamCounts = Object.freeze({
  frames_in: 0,
  frames_processed: 0,
  frames_out: 0,
  frames_consumed: 0,
  frames_dropped: NO_DROPS,
  frames_copied: 0,
  frames_unseen: NO_DROPS,
  frames_overlaid: 0,
  audio_packets_in: 0,
  audio_packets_done: 0,
  audio_packets_out: 0,
  audio_packets_dropped: 0,
  audio_packets_unheard: 0,
  segments_in: 0,
  segments_skipped: 0,
  segments_out: 0,
  segments_lost: 0,
  frames_lost: 0,
  input_bytes: 0,
  output_bytes: 0,
  data_lines_sent: 0,
  data_lines_dropped: 0,
  events_sent: 0,
  events_dropped: 0,
  control_messages: 0,
  codec_restarts: 0,
  codec_hangs: 0,
  hardware_fallbacks: 0,
  errors: NO_ERRORS,
  latency: emptyHistograms(),
});

/** The counts of a session. */
export function countsOf(metrics: SessionMetrics, details: SessionDetails): StreamCounts {
  return {
    frames_in: metrics.frames_in,
    frames_processed: metrics.frames_processed,
    frames_out: metrics.frames_out,
    frames_consumed: metrics.frames_consumed,
    frames_dropped: { ...metrics.frames_dropped_by_reason },
    frames_copied: metrics.frames_copied,
    frames_unseen: { ...metrics.frames_unseen_by_reason },
    frames_overlaid: metrics.frames_overlaid,
    audio_packets_in: metrics.audio_packets_in,
    audio_packets_done: metrics.audio_packets_done,
    audio_packets_out: metrics.audio_packets_out,
    audio_packets_dropped: metrics.audio_packets_dropped,
    audio_packets_unheard: metrics.audio_packets_unheard,
    segments_in: details.segments_in,
    segments_skipped: metrics.segments_skipped,
    segments_out: metrics.segments_out,
    segments_lost: metrics.segments_lost,
    frames_lost: metrics.frames_lost,
    input_bytes: details.input_bytes,
    output_bytes: metrics.output_bytes,
    data_lines_sent: metrics.data_lines_sent,
    data_lines_dropped: metrics.data_lines_dropped,
    events_sent: metrics.events_sent,
    events_dropped: metrics.events_dropped,
    control_messages: metrics.control_messages,
    codec_restarts: metrics.codec_restarts,
    codec_hangs: metrics.codec_hangs,
    hardware_fallbacks: metrics.hardware_fallbacks,
    errors: errorsOf(metrics.error_count, details.errors_by_stage),
    latency: details.latency,
  };
}

/** The counts of two streams together. */
export function addCounts(one: StreamCounts, other: StreamCounts): StreamCounts {
  return {
    frames_in: one.frames_in + other.frames_in,
    frames_processed: one.frames_processed + other.frames_processed,
    frames_out: one.frames_out + other.frames_out,
    frames_consumed: one.frames_consumed + other.frames_consumed,
    frames_dropped: addByName(one.frames_dropped, other.frames_dropped),
    frames_copied: one.frames_copied + other.frames_copied,
    frames_unseen: addByName(one.frames_unseen, other.frames_unseen),
    frames_overlaid: one.frames_overlaid + other.frames_overlaid,
    audio_packets_in: one.audio_packets_in + other.audio_packets_in,
    audio_packets_done: one.audio_packets_done + other.audio_packets_done,
    audio_packets_out: one.audio_packets_out + other.audio_packets_out,
    audio_packets_dropped: one.audio_packets_dropped + other.audio_packets_dropped,
    audio_packets_unheard: one.audio_packets_unheard + other.audio_packets_unheard,
    segments_in: one.segments_in + other.segments_in,
    segments_skipped: one.segments_skipped + other.segments_skipped,
    segments_out: one.segments_out + other.segments_out,
    segments_lost: one.segments_lost + other.segments_lost,
    frames_lost: one.frames_lost + other.frames_lost,
    input_bytes: one.input_bytes + other.input_bytes,
    output_bytes: one.output_bytes + other.output_bytes,
    data_lines_sent: one.data_lines_sent + other.data_lines_sent,
    data_lines_dropped: one.data_lines_dropped + other.data_lines_dropped,
    events_sent: one.events_sent + other.events_sent,
    events_dropped: one.events_dropped + other.events_dropped,
    control_messages: one.control_messages + other.control_messages,
    codec_restarts: one.codec_restarts + other.codec_restarts,
    codec_hangs: one.codec_hangs + other.codec_hangs,
    hardware_fallbacks: one.hardware_fallbacks + other.hardware_fallbacks,
    errors: addByName(one.errors, other.errors),
    latency: addHistograms(one.latency, other.latency),
  };
}

/** Adds what has the same name. */
export function addByName(one: CountsByName, other: CountsByName): CountsByName {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function errorsOf(total: number, byStage: Readonly<Partial<Record<string, number>>>): CountsByName {
  const errors: Record<string, number> = {};
  let rest = total;
  for (const [stage, count = 0] of Object.entries(byStage)) {
    errors[stage] = count;
    rest -= count;
  }
  return rest > 0 ? { ...errors, stream: rest } : errors;
}

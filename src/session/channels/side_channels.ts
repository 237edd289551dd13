/**
 * What a session has beside its media, and what it counts there.
 *
 * @module
 */

import type { Clock, SegmentSink, SegmentSource } from "../../trickle/mod.ts";
import type { CounterTotals } from "../telemetry/stream_counters.ts";

/** Where a stream comes from and goes to, as heartbeats say it. */
export interface StreamUrls {
  readonly subscribe_url?: string | undefined;
  readonly publish_url?: string | undefined;
  readonly control_url?: string | undefined;
  readonly events_url?: string | undefined;
  readonly data_url?: string | undefined;
}

/** A channel beside the media. */
export type SideChannel = "data" | "events" | "control";

/** The channels of a stream, each where the stream has one. */
export interface SideChannels {
  /** Where lines go that the processor publishes. Owned by the session. @default dropped, counted */
  readonly data?: SegmentSink | undefined;
  /** Where events go. Owned by the session. @default nowhere */
  readonly events?: SegmentSink | undefined;
  /** Opens the channel that parameters come from, at an index. @default none */
  readonly control?: ((start: number | undefined) => SegmentSource) | undefined;
  /** The URLs of all channels, for heartbeats. @default {} */
  readonly urls?: StreamUrls;
  /** Name of the pipeline in status events. @default "byoc" */
  readonly pipelineName?: string | undefined;
  /**
   * What the session times by: heartbeats, the loading overlay, queues, figures, and how long processor,
   * channels and a stop may take. @default systemClock
   */
  readonly clock?: Clock;
  /** Milliseconds since 1970, for events. @default Date.now */
  readonly wallNow?: () => number;
}

/** What the channels counted. */
export type ChannelFigures = Pick<
  CounterTotals,
  | "data_lines_sent"
  | "data_lines_dropped"
  | "events_sent"
  | "events_dropped"
  | "control_messages"
>;

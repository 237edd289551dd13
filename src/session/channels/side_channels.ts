/**
 * What a session has beside its media, and what it counts there.
 *
 * @module
 */

import type { Clock, SegmentSink, SegmentSource } from "../../trickle/mod.ts";

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
export interface ChannelFigures {
  /** Lines that the processor published on the data channel. */
  readonly data_lines_sent: number;
  /** Lines that were too long, pushed out, lost on the way, or had no channel to go to. */
  readonly data_lines_dropped: number;
  readonly events_sent: number;
  /** Events that were too many in a second, too large, pushed out or lost on the way. */
  readonly events_dropped: number;
  /** Messages that came on the control channel, keep-alives not counted. */
  readonly control_messages: number;
}

/**
 * Tells a gateway how a stream fares (LIVEPEER.md section 3): heartbeats, status, what happens.
 *
 * @module
 */

import { describeError } from "../../base/mod.ts";
import { withoutCredentials } from "../../base/credentials.ts";
import type { Clock } from "../../trickle/mod.ts";
import type { EventChannel } from "./event_channel.ts";
import type { StreamUrls } from "./side_channels.ts";
import { type StatusSample, StreamStatusTracker } from "./stream_status.ts";
import type { SessionEnd, SessionEvent, SessionMetrics, Stage, StreamParams } from "../types.ts";
import type { StreamState } from "../stream_state.ts";
import type { Size } from "../../media/rect.ts";

/** A gateway ends a stream that sent nothing for 30 s. */
const REPORT_INTERVAL_MS = 10_000;
/** Errors of these cost frames; those of the others are beside the media. */
const FRAME_STAGES: ReadonlySet<Stage> = new Set([
  "decode",
  "queue",
  "process",
  "encode",
  "output",
]);
/** How often the state is looked at. */
const SAMPLE_INTERVAL_MS = 1_000;

/** Options of a {@linkcode StreamReporter}. */
export interface StreamReporterOptions {
  readonly channel: EventChannel;
  readonly pipeline: string;
  readonly urls: StreamUrls;
  /** Where the stream is in its life. */
  readonly state: () => StreamState;
  readonly metrics: () => SessionMetrics;
  readonly params: () => StreamParams;
  /** Size of the pictures that go out; undefined before the first. */
  readonly dimensions: () => Size | undefined;
  /** Paces the reports. */
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** Sends a heartbeat and the status every 10 s, and what changed when it does. */
export class StreamReporter implements Disposable {
  readonly #options: StreamReporterOptions;
  readonly #tracker: StreamStatusTracker;
  #hasFailed = false;
  #lastReportMs: number;
  #cancel: () => void = () => {};
  #isOver = false;

  /** Sends the first heartbeat and status, and goes on until it is disposed of. */
  constructor(options: StreamReporterOptions) {
    const { pipeline, urls, wallNow, params, clock } = options;
    this.#options = options;
    const startMs = wallNow();
    const hasInput = urls.subscribe_url !== undefined;
    this.#tracker = new StreamStatusTracker({ pipeline, startMs, hasInput });
    this.#tracker.noteParams(params(), startMs);
    this.#lastReportMs = clock.now();
    this.#sample();
    this.#report();
    this.#schedule();
  }

  /** Takes what happens to the session and passes on what a gateway should hear. */
  take(event: SessionEvent): void {
    const { channel, wallNow } = this.#options;
    switch (event.type) {
      case "state":
        return event.state === "ended" ? undefined : this.#sampleAndTell();
      case "first-input-segment":
        return channel.send({ type: "receive_first_ingest_segment" });
      case "first-output-segment":
        return channel.send({ type: "send_first_processed_segment" });
      case "params-updated":
        this.#tracker.noteParams(event.params, wallNow());
        channel.send({ type: "params_updated", params: this.#tracker.params });
        return this.#sendStatus();
      case "error":
        return this.#takeError(event.error, event.stage);
      case "application":
        return channel.send(applicationEvent(event), { limit: "application" });
      case "ended":
        return this.#takeEnd(event.end);
      default: {
        const other: never = event;
        throw new TypeError(`Cannot report ${JSON.stringify(other)}`);
      }
    }
  }

  /** Ends the reports. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#cancel();
  }

  #takeError(error: Error, stage: Stage): void {
    const message = withoutCredentials(error.message);
    this.#tracker.noteError(message, this.#options.wallNow(), FRAME_STAGES.has(stage));
    this.#options.channel.send({ type: "error", message, stage }, { limit: "errors" });
    this.#sampleAndTell();
  }

  #takeEnd(end: SessionEnd): void {
    this.#hasFailed = end.reason === "failed";
    const { channel, wallNow } = this.#options;
    if (end.reason === "failed") {
      const message = withoutCredentials(describeError(end.error));
      this.#tracker.noteError(message, wallNow(), true);
      channel.send({ type: "error", message });
    }
    this.#sample();
    this.#sendStatus();
    channel.send({ type: "stream_stopped", reason: end.reason });
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.schedule(SAMPLE_INTERVAL_MS, () => {
      if (this.#isOver) return;
      if (this.#options.clock.now() - this.#lastReportMs >= REPORT_INTERVAL_MS) {
        this.#sample();
        this.#report();
      } else this.#sampleAndTell();
      this.#schedule();
    });
  }

  #sampleAndTell(): void {
    if (this.#sample()) this.#sendStatus();
  }

  #sample(): boolean {
    const { metrics, wallNow } = this.#options;
    const figures = metrics();
    const hasVideo = figures.frames_in > 0;
    const dropped = figures.frames_dropped_by_reason;
    return this.#tracker.observe({
      nowMs: wallNow(),
      phase: this.#phase(),
      unit: hasVideo ? "video" : "audio",
      unitsIn: hasVideo ? figures.frames_in : figures.audio_packets_in,
      unitsDone: hasVideo
        ? figures.frames_processed + (dropped.processor ?? 0)
        : figures.audio_packets_done,
      unitsSkipped: (dropped.rate ?? 0) + (figures.frames_unseen_by_reason.rate ?? 0),
      // All that went out was copied.
      mayLag: figures.frames_copied > 0 && figures.frames_copied >= figures.frames_out,
      restarts: figures.codec_restarts,
    });
  }

  #phase(): StatusSample["phase"] {
    const { state, params } = this.#options;
    switch (state()) {
      case "opening":
      case "loading":
        return "loading";
      case "running":
      case "draining":
        return params().show_loading === true ? "loading" : "running";
      case "ended":
        return this.#hasFailed ? "failed" : "ended";
    }
  }

  #report(): void {
    const { channel, urls, dimensions, metrics, clock } = this.#options;
    this.#lastReportMs = clock.now();
    channel.send({
      type: "heartbeat",
      urls: withoutSecrets(urls),
      dimensions: dimensions() ?? null,
      fps: metrics().fps,
    }, { queue: "stream_heartbeat" });
    this.#sendStatus();
  }

  #sendStatus(): void {
    this.#options.channel.send({ type: "status", ...this.#tracker.status() });
  }
}

/** An application's event: its own fields, or its value as `data`. */
function applicationEvent({ event, name }: { event: unknown; name: string }): {
  readonly type: string;
} {
  const isObject = typeof event === "object" && event !== null && !Array.isArray(event);
  return isObject ? { ...event, type: name } : { data: event, type: name } as { type: string };
}

function withoutSecrets(urls: StreamUrls): Record<string, string> {
  return Object.fromEntries(
    Object.entries(urls).flatMap(([name, url]) =>
      url === undefined ? [] : [[name, withoutCredentials(url)]]
    ),
  );
}

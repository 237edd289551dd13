/**
 * The channels of a session beside its media: data, events and control.
 *
 * @module
 */

import { type Clock, systemClock } from "../../base/clock.ts";
import type { SegmentSink } from "../../trickle/mod.ts";
import { ControlChannel } from "./control_channel.ts";
import { checkDataText, DataChannel } from "./data_channel.ts";
import { EventChannel } from "./event_channel.ts";
import type { ChannelFigures, SideChannel, SideChannels } from "./side_channels.ts";
import { StreamReporter } from "./stream_reporter.ts";
import { watchSink } from "./watch_sink.ts";
import type { StreamState } from "../stream_state.ts";
import type { SessionEvent, SessionMetrics, Stage, StreamParams } from "../types.ts";
import type { Size } from "../../media/rect.ts";

/** What a {@linkcode SessionChannels} asks of its session. */
export interface SessionChannelsOptions extends SideChannels {
  readonly state: () => StreamState;
  readonly metrics: () => SessionMetrics;
  readonly params: () => StreamParams;
  readonly dimensions: () => Size | undefined;
  /** Takes a message of the control channel. */
  readonly onControl: (message: unknown) => Promise<void>;
  readonly onError: (error: Error, stage: Stage) => void;
  /** Hears when a channel was ended by somebody else, or is not there. @default nobody watches */
  readonly onGone?: ((channel: SideChannel) => void) | undefined;
}

/** Publishes data and events, and reads control messages, from start to end of a session. */
export class SessionChannels implements AsyncDisposable {
  readonly #options: SessionChannelsOptions;
  readonly #clock: Clock;
  #data: DataChannel | undefined;
  #events: EventChannel | undefined;
  #control: ControlChannel | undefined;
  #reporter: StreamReporter | undefined;
  #linesWithoutChannel = 0;
  #isStarted = false;
  #isOver = false;

  /** Requests nothing before {@linkcode start}. */
  constructor(options: SessionChannelsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Opens the channels that the stream has. */
  start(): void {
    const { data, events, control, onError, onControl, onGone } = this.#options;
    this.#isStarted = true;
    if (onGone !== undefined) {
      if (data !== undefined) watchSink(data, () => onGone("data"));
      if (events !== undefined) watchSink(events, () => onGone("events"));
    }
    if (data !== undefined) {
      this.#data = new DataChannel({
        sink: data,
        onError: (error) => onError(error, "data"),
        clock: this.#clock,
      });
    }
    if (events !== undefined) this.#startEvents(events);
    if (control !== undefined) {
      this.#control = new ControlChannel({
        open: control,
        onMessage: onControl,
        onError: (error) => onError(error, "control"),
        onEnd: () => onGone?.("control"),
        clock: this.#clock,
      });
    }
  }

  /** Counters now. */
  get figures(): ChannelFigures {
    const data = this.#data?.figures;
    return {
      data_lines_sent: data?.lines_sent ?? 0,
      data_lines_dropped: (data?.lines_dropped ?? 0) + this.#linesWithoutChannel,
      events_sent: this.#events?.sent ?? 0,
      events_dropped: this.#events?.dropped ?? 0,
      control_messages: this.#control?.received ?? 0,
    };
  }

  /** Publishes a line, or drops and counts it. */
  sendData(text: string): void {
    checkDataText(text);
    if (this.#data === undefined || this.#isOver) this.#linesWithoutChannel++;
    else this.#data.send(text);
  }

  /** Passes on what a gateway should hear. */
  take(event: SessionEvent): void {
    this.#reporter?.take(event);
  }

  /** Ends what the processor writes to and what changes the stream; events still go out. */
  async closeInputs(): Promise<void> {
    this.#isOver = true;
    await Promise.all([
      this.#control?.[Symbol.asyncDispose](),
      this.#data?.[Symbol.asyncDispose](),
    ]);
  }

  /** Sends what is queued and ends everything. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeInputs();
    this.#reporter?.[Symbol.dispose]();
    await this.#events?.[Symbol.asyncDispose]();
    if (this.#isStarted) return;
    const { data, events } = this.#options;
    await Promise.all([data?.[Symbol.asyncDispose](), events?.[Symbol.asyncDispose]()]);
  }

  #startEvents(sink: SegmentSink): void {
    const { urls = {}, pipelineName = "byoc" } = this.#options;
    const clock = this.#clock;
    const { wallNow = Date.now, onError, state, metrics, params, dimensions } = this.#options;
    // Reported as an error of the stream it would be the next event that fails.
    let reported = false;
    this.#events = new EventChannel({
      sink,
      now: wallNow,
      clock,
      onError: (error) => {
        if (!reported) onError(error, "events");
        reported = true;
      },
    });
    this.#reporter = new StreamReporter({
      channel: this.#events,
      pipeline: pipelineName,
      urls,
      state,
      metrics,
      params,
      dimensions,
      clock,
      wallNow,
    });
  }
}

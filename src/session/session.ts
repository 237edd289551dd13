/**
 * One live stream from start to stop.
 *
 * @module
 */

import { type Clock, schedulePatiently, systemClock } from "../base/clock.ts";
import { describeError, ProcessorError, TrickleError } from "../base/errors.ts";
import { type Logger, logWithStream, roomLogger } from "../base/log.ts";
import { type AudioFrame, isVideoFrame, type VideoFrame } from "../frames/mod.ts";
import { ProcessorGuard } from "../processor/mod.ts";
import type { LoadingUpdate } from "./video/loading_overlay.ts";
import { checkEncoder } from "../media/codec/mod.ts";
import { Pipeline } from "./pipeline.ts";
import { safeListener } from "./safe_listener.ts";
import { SessionChannels } from "./channels/session_channels.ts";
import { watchSink } from "./channels/watch_sink.ts";
import { SessionInput } from "./input/session_input.ts";
import { StreamMeters } from "./telemetry/stream_meters.ts";
import { StreamProcessor } from "./stream_processor.ts";
import { StreamSettings } from "./stream_settings.ts";
import { SessionTelemetry } from "./telemetry/telemetry.ts";
import { isActive, nextState, type StreamState, type StreamStep } from "./stream_state.ts";
import { DEFAULT_TARGET_FPS } from "./types.ts";
import type {
  SessionDetails,
  SessionEnd,
  SessionEvent,
  SessionMetrics,
  SessionOptions,
  Stage,
  StreamParams,
} from "./types.ts";

/** Part of the time that a stream may be behind in which every picture of a backlog is processed. */
const BACKLOG_SHARE = 1 / 8;
/** Errors of one stage are logged once in this time; all are counted. */
const ERROR_LOG_INTERVAL_MS = 2_000;

/**
 * A stream on its way through a processor. Create it, {@linkcode start} it, and await
 * {@linkcode ended}; {@linkcode stop} flushes what is in flight. A session is used once.
 */
export class Session implements AsyncDisposable {
  /** Name of the stream in logs and events. */
  readonly id: string;
  /** Resolves when the session is over and everything it owned is gone; never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #options: SessionOptions;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #meters: StreamMeters;
  readonly #telemetry: SessionTelemetry | undefined;
  readonly #guard: ProcessorGuard;
  readonly #pipeline: Pipeline;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly #processor: StreamProcessor;
  readonly #lastLogged = new Map<Stage, number>();
  readonly #settings: StreamSettings;
  readonly #input: SessionInput;
  readonly #channels: SessionChannels;
  readonly #tell: (event: SessionEvent) => void;
  #state: StreamState = "opening";
  /** Settles when the last update has had its turn. */
  #updates: Promise<void> = Promise.resolve();
  #requestedEnd: SessionEnd | undefined;
  #cancelForce: (() => void) | undefined;

  /**
   * Sets the stream up without starting it. Throws a `RangeError` for options out of range, and a
   * `ConfigError` for parameters that cannot be or that the processor's schema refuses.
   */
  constructor(options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#tell = safeListener(options.onEvent, options.id);
    const clock = this.#clock = options.clock ?? systemClock;
    this.#meters = new StreamMeters(() => clock.now());
    this.#log = roomLogger("session").with({ stream: this.id });
    checkEncoder(options.encoder ?? {});
    this.#settings = new StreamSettings(options.processor.paramsSchema, options.params ?? {});
    this.ended = this.#ended.promise;
    this.#guard = new ProcessorGuard(options.processor, clock);
    this.#processor = new StreamProcessor({
      guard: this.#guard,
      initialized: options.processorReady,
      params: () => this.params,
    });
    this.#input = new SessionInput({ ...options, clock }, this.#meters.counts);
    this.#input.applyParams(this.params);
    this.#telemetry = options.isRehearsal === true ? undefined : SessionTelemetry.begin({
      id: this.id,
      params: this.params,
      meters: this.#meters,
      clock,
      updateMeters: () => this.#updateMeters(),
    });
    try {
      this.#pipeline = this.#within(() => this.#createPipeline());
      this.#channels = this.#createChannels();
    } catch (error) {
      this.#telemetry?.refuse(asError(error));
      throw error;
    }
  }

  /** Where the stream is in its life. */
  get state(): StreamState {
    return this.#state;
  }

  /** The parameters as they are now. */
  get params(): StreamParams {
    return this.#settings.values;
  }

  /** Whether a call of the processor was given up and has not come back. */
  get processorHangs(): boolean {
    return this.#guard.hanging > 0;
  }

  /** The process ids of the children that code video now. */
  get codecPids(): { readonly decoder: number | undefined; readonly encoder: number | undefined } {
    return this.#pipeline.codecPids;
  }

  /** Starts the stream and returns at once. Throws a `TypeError` when called twice. */
  start(): void {
    if (this.#state !== "opening") {
      throw new TypeError(`Cannot start session ${this.id}: it is ${this.#state}; create another`);
    }
    this.#within(() => this.#channels.start());
    this.#advance("start");
    const { sink } = this.#options;
    if (sink !== undefined) watchSink(sink, (error) => this.#outputGone(error));
    void this.#within(() => this.#run());
  }

  /**
   * Changes parameters: they are merged into those before and given to the processor. A changed
   * `max_framerate` or `detect_out_resolution` takes effect with the next frame, a changed size with the
   * next keyframe of the input. Updates are applied one at a time, in the order of the calls; those that
   * come before the processor is ready for the stream take effect at once, and reach it with its start.
   * Rejects with a `ConfigError` for values that cannot be and for what the processor's schema refuses,
   * with a `ProcessorError` when the processor refuses them itself, or the stream has ended; then nothing
   * has changed.
   */
  updateParams(params: StreamParams): Promise<void> {
    const update = this.#updates.then(() => this.#applyParams(params));
    this.#updates = update.catch(() => {}); // its caller's
    return update;
  }

  async #applyParams(params: StreamParams): Promise<void> {
    if (this.#state === "draining" || this.#state === "ended") {
      const found = `it is ${this.#state}; start another`;
      throw new ProcessorError("PROCESSOR_PARAMS", `Cannot update stream ${this.id}: ${found}`);
    }
    const { changed, commit } = this.#settings.prepare(params);
    await this.#within(() => this.#processor.update(changed));
    commit();
    this.#input.applyParams(params);
    this.#pipeline.applyParams(params);
    this.#emit({ type: "params-updated", params: this.params });
  }

  /**
   * Publishes one JSON value, or another text, as a line of the data channel. It never waits; what
   * cannot be published is dropped and counted. Throws a `TypeError` for what is not a string.
   */
  sendData(text: string): void {
    this.#channels.sendData(text);
  }

  /**
   * Publishes an event of the application on the events channel. It never waits; more than 20 a second
   * are dropped and counted, as are those that are no JSON.
   */
  sendEvent(event: unknown, type: string): void {
    this.#emit({ type: "application", event, name: type });
  }

  /**
   * Changes what the loading overlay says, until it was shown and is over; it does not show it. Throws a
   * `RangeError` for a progress that is not a number.
   */
  setLoading(update: LoadingUpdate): void {
    this.#pipeline.setLoading(update);
  }

  /**
   * Gives a frame to a stream that has no input: it goes through the processor as if it had been read.
   * It is copied, and stays the caller's. Times must grow. Resolves once there is room for the next; to false when the
   * stream takes none any more, and where eight calls wait already: then the frame is dropped, and video counted
   * (`queue`). Rejects with a `TypeError` for a closed frame, or a stream with an input.
   */
  async sendFrame(frame: VideoFrame | AudioFrame): Promise<boolean> {
    const outcome = await this.#input.send(frame);
    if (outcome === "crowded" && isVideoFrame(frame)) this.#meters.framesLeftOut("queue", 1);
    return outcome === "taken";
  }

  /** The figures of this moment. */
  metrics(): SessionMetrics {
    this.#updateMeters();
    return this.#meters.snapshot(this.#guard.metrics());
  }

  /** Takes over the counts that others keep themselves. */
  #updateMeters(): void {
    this.#pipeline.updateMeters();
    Object.assign(this.#meters.counts, this.#channels.figures);
  }

  /** More figures of this moment, for monitoring: they may be added up across streams. */
  details(): SessionDetails {
    return this.#meters.details();
  }

  /**
   * Stops reading, writes out what is in flight, and ends the output. What is not out after
   * `stopTimeoutMs` is dropped and counted. Idempotent; resolves when the session has ended.
   */
  stop(): Promise<SessionEnd> {
    this.#processor.hurry();
    if (this.#state === "opening") void this.#neverStart();
    else this.#requestEnd({ reason: "stopped" });
    return this.ended;
  }

  /** Stops the session; see {@linkcode stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What is logged and traced in a task, and in all that it starts, is of this stream. */
  #within<T>(task: () => T): T {
    const { id } = this;
    const telemetry = this.#telemetry;
    return logWithStream(id, () => telemetry === undefined ? task() : telemetry.run(task));
  }

  #createChannels(): SessionChannels {
    const { data, events, control, urls, pipelineName, wallNow } = this.#options;
    const { parseControl = anyObject } = this.#options;
    return new SessionChannels({
      data,
      events,
      control,
      ...(urls === undefined ? {} : { urls }),
      ...(pipelineName === undefined ? {} : { pipelineName }),
      clock: this.#clock,
      ...(wallNow === undefined ? {} : { wallNow }),
      state: () => this.#state,
      metrics: () => this.metrics(),
      params: () => this.params,
      dimensions: () => this.#pipeline.outputSize,
      onControl: async (message) => await this.updateParams(parseControl(message)),
      onError: (error, stage) => this.#reportError(error, stage),
      onGone: this.#input.isFed
        ? (channel) => this.#requestEnd({ reason: "channel-closed", channel })
        : undefined,
    });
  }

  #createPipeline(): Pipeline {
    const { sink, targetFps = DEFAULT_TARGET_FPS, maxQueueSize = 30, pace = "live" } =
      this.#options;
    const { audioCodec = "opus", fixedStreams = false, gopSeconds = 2, gpuDepth = 2 } =
      this.#options;
    const { maxQueueLatencyMs = 150, overlay = {}, hardware = {}, encoder = {} } = this.#options;
    return new Pipeline({
      events: this.#telemetry?.observeInput(this.#input.events) ?? this.#input.events,
      isFed: this.#input.isFed,
      edge: this.#input.edge,
      graceMs: this.#input.maxBehindMs * BACKLOG_SHARE,
      sink: sink === undefined ? undefined : this.#telemetry?.observeOutput(sink) ?? sink,
      fixedStreams,
      guard: this.#guard,
      meters: this.#meters,
      params: this.params,
      targetFps,
      frameRate: this.#options.frameRate,
      maxQueueSize,
      maxQueueLatencyMs,
      live: pace === "live",
      gpuDepth,
      ready: this.#processor.ready,
      overlay,
      audioCodec,
      gopSeconds,
      hardware,
      encoder,
      warm: this.#options.warmCodecs,
      clock: this.#clock,
      onFirstInput: () => {
        this.#input.wasSeen = true;
        this.#emit({ type: "first-input-segment" });
      },
      onFirstOutput: () => this.#emit({ type: "first-output-segment" }),
      onError: (error, stage) => this.#reportError(error, stage),
      onOutputClosed: (error) => this.#outputClosed(error),
    });
  }

  async #run(): Promise<void> {
    let end: SessionEnd;
    try {
      this.#processor.start();
      this.#processor.ready.then(
        (takesFrames) => takesFrames && this.#advance("ready"),
        () => {}, // the pipeline rejects with it
      );
      await this.#pipeline.run();
      end = this.#requestedEnd ?? await this.#inputEnded();
    } catch (error) {
      end = this.#requestedEnd ?? { reason: "failed", error: asError(error) };
    }
    this.#advance("end");
    await this.#orReport("output", () => this.#pipeline[Symbol.asyncDispose]());
    await this.#closeSource();
    await this.#orReport("process", () => this.#processor.stop());
    await this.#orReport("control", () => this.#channels.closeInputs());
    await this.#finish(end);
  }

  async #inputEnded(): Promise<SessionEnd> {
    const problem = await this.#input.problem();
    if (problem !== undefined) this.#reportError(problem, "input");
    return { reason: "input-ended", found: problem === undefined };
  }

  async #neverStart(): Promise<void> {
    this.#advance("end");
    await this.#closeSource();
    await this.#orReport("output", () => this.#pipeline[Symbol.asyncDispose]());
    await this.#finish({ reason: "stopped" });
  }

  /** A part that does not end as it should does not keep the others from their end. */
  async #orReport(stage: Stage, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#reportError(asError(error), stage);
    }
  }

  async #finish(end: SessionEnd): Promise<void> {
    if (this.#state === "ended") return;
    this.#cancelForce?.();
    this.#input[Symbol.dispose]();
    this.#updateMeters();
    this.#checkAccounts();
    const accounts = { ended: end.reason, ...this.#meters.accounts() };
    if (end.reason === "failed") {
      this.#meters.errorAt("stream");
      const { message } = end.error;
      this.#log.error("Stream {stream} failed: {reason}", { reason: message, ...accounts });
    } else if (this.#options.isRehearsal !== true) {
      this.#log.info("Stream {stream} ended: {reason}", { reason: end.reason, ...accounts });
    }
    this.#advance("over");
    this.#emit({ type: "ended", end });
    await this.#orReport("events", () => this.#channels[Symbol.asyncDispose]());
    this.#ended.resolve(end);
  }

  /** Frames are counted where they are dropped: what is left over was lost without a word. */
  #checkAccounts(): void {
    const { frames, copied } = this.#meters.openAccounts;
    if (frames === 0 && copied === 0) return;
    this.#log.error(
      "The accounts of stream {stream} do not add up: {frames} frames, {copied} copied",
      {
        frames,
        copied,
      },
    );
  }

  #requestEnd(end: SessionEnd): void {
    if (!isActive(this.#state)) return;
    this.#requestedEnd = end;
    this.#advance("end");
    this.#processor.giveUp();
    this.#cancelForce = schedulePatiently(
      this.#clock,
      this.#options.stopTimeoutMs ?? 2_000,
      () => this.#pipeline.abort(),
    );
    void this.#closeSource();
  }

  async #closeSource(): Promise<void> {
    await this.#orReport("input", () => this.#input.close());
  }

  /**
   * A stream with an input fails on an output that is not there when it has something to write: until
   * then the output may be created.
   */
  #outputGone(error: Error): void {
    const isClosed = error instanceof TrickleError && error.code === "TRICKLE_CLOSED";
    if (this.#input.isFed || isClosed) this.#outputClosed(error);
  }

  /**
   * Being closed is how an output ends, also while no segment was under way: then it is not found any
   * more. One that was never there, or cannot be reached, is a failure.
   */
  #outputClosed(error: Error): void {
    const code = error instanceof TrickleError ? error.code : undefined;
    const wasThere = this.#meters.counts.segments_out > 1;
    if (code !== "TRICKLE_CLOSED" && !(code === "TRICKLE_NOT_FOUND" && wasThere)) {
      return this.#requestEnd({ reason: "failed", error });
    }
    this.#log.info("The output of stream {stream} is gone: {reason}", { reason: error.message });
    this.#requestEnd({ reason: "output-closed" });
  }

  #reportError(error: Error, stage: Stage): void {
    this.#meters.errorAt(stage);
    this.#emit({ type: "error", error, stage });
    const now = this.#clock.now();
    if (now - (this.#lastLogged.get(stage) ?? -Infinity) < ERROR_LOG_INTERVAL_MS) return;
    this.#lastLogged.set(stage, now);
    this.#log.warn("Stream {stream}, {stage}: {reason}", { stage, reason: error.message });
  }

  #advance(step: StreamStep): void {
    const state = nextState(this.#state, step);
    if (state === this.#state) return;
    this.#state = state;
    this.#emit({ type: "state", state });
  }

  #emit(event: SessionEvent): void {
    this.#channels.take(event);
    this.#telemetry?.note(event);
    this.#tell(event);
  }
}

function anyObject(message: unknown): StreamParams {
  if (typeof message === "object" && message !== null && !Array.isArray(message)) {
    return message as StreamParams;
  }
  throw new TypeError(`Cannot update parameters from ${JSON.stringify(message)}: send an object`);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeError(thrown));
}

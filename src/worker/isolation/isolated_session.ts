/**
 * A session that runs in a thread or process of its own, as the server sees it.
 *
 * @module
 */

import { context, propagation } from "@opentelemetry/api";
import {
  type Clock,
  describeError,
  isDoneWithin,
  type ProcessorError,
  roomLogger,
} from "../../base/mod.ts";
import {
  abandonStream,
  checkDataText,
  checkLoadingUpdate,
  isActive,
  type LoadingUpdate,
  nextState,
  type SessionDetails,
  type SessionEnd,
  type SessionMetrics,
  type StreamParams,
  type StreamState,
} from "../../session/mod.ts";
import { type AudioFrame, isVideoFrame, type VideoFrame } from "../../frames/mod.ts";
import type { StreamSession } from "../stream.ts";
import type { HostedStreamOptions } from "../hosts/stream_host.ts";
import type { Conversation } from "./conversation.ts";
import type { IsolatedStreamOptions, PlainFrame, StreamCalls, StreamSnapshot } from "./calls.ts";
import { fromPlainEvent, type PlainEvent } from "./plain.ts";

const log = roomLogger("worker");

/**
 * A session flushes for 2 s, and gives servers and a processor that do not answer some more; what has not
 * ended it by then hangs. A stop has ten seconds in all.
 */
const STOP_TIMEOUT_MS = 7_000;
/** Calls that were not answered, of which nobody waits for the answer: more are dropped and counted. */
const MAX_UNANSWERED = 256;
/** Frames that are on their way there at once: more are dropped and counted. */
const MAX_FRAMES_UNDER_WAY = 8;
/** How often a silence is looked at. */
const WATCH_INTERVAL_MS = 500;

/** Options of a {@linkcode IsolatedSession}. */
export interface IsolatedSessionOptions {
  readonly options: HostedStreamOptions;
  /** Where the session runs. */
  readonly remote: Conversation<StreamCalls>["remote"];
  /** Ends where it runs, which then is said with {@linkcode IsolatedSession.crashed}. */
  readonly terminate: (reason: string) => void;
  /** Whether the processor gets ready, which may take long without a word. */
  readonly isLoading: () => boolean;
  /** What says nothing for so long is ended. */
  readonly silenceMs: number;
  /** The time of what it waits for. */
  readonly clock: Clock;
}

/** Passes calls on, and keeps what was last said. */
export class IsolatedSession implements StreamSession {
  readonly ended: Promise<SessionEnd>;
  readonly #options: IsolatedSessionOptions;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #snapshot: StreamSnapshot | undefined;
  #state: StreamState = "opening";
  #silentMs = 0;
  #cancelWatch: () => void = () => {};
  #stopping: Promise<SessionEnd> | undefined;
  #isLost = false;
  #unanswered = 0;
  #framesUnderWay = 0;
  /** What was dropped here, because it is not read there. */
  readonly #dropped = { lines: 0, events: 0, frames: 0 };

  /** Asks for nothing before {@linkcode open}. */
  constructor(options: IsolatedSessionOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
  }

  /** Sets the session up there; rejects as `openTrickleSession` throws. */
  async open(): Promise<void> {
    const { options, remote } = this.#options;
    const trace: Record<string, string> = {};
    propagation.inject(context.active(), trace);
    await remote.open(copiable(options), trace);
  }

  /** Where the session is in its life. */
  get state(): StreamState {
    return this.#state;
  }

  /** The parameters as they were last told. */
  get params(): StreamParams {
    return this.#snapshot?.params ?? this.#options.options.params ?? {};
  }

  /** Whether the processor is of no use any more. */
  get processorHangs(): boolean {
    return this.#isLost || this.#snapshot?.processorHangs === true;
  }

  /** Begins to read, process and write. */
  start(): void {
    this.#state = nextState(this.#state, "start");
    this.#silentMs = 0;
    this.#tell(() => this.#options.remote.start());
    this.#watch();
  }

  /** Rejects as a session does. */
  async updateParams(params: StreamParams): Promise<void> {
    await this.#options.remote.updateParams(params);
  }

  /** Publishes a line on the data channel, or drops and counts it; throws as a session does. */
  sendData(text: string): void {
    checkDataText(text);
    if (!this.#tell(() => this.#options.remote.sendData(text))) this.#dropped.lines++;
  }

  /** Publishes an event; throws for one that cannot be copied. */
  sendEvent(event: unknown, name: string): void {
    structuredClone(event);
    if (!this.#tell(() => this.#options.remote.sendEvent(event, name))) this.#dropped.events++;
  }

  /** Changes what the loading overlay says; throws as a session does. */
  setLoading(update: LoadingUpdate): void {
    checkLoadingUpdate(update);
    this.#tell(() => this.#options.remote.setLoading(update));
  }

  /** Copies a frame to where the stream runs; resolves and rejects as a session does. */
  async sendFrame(frame: VideoFrame | AudioFrame): Promise<boolean> {
    if (this.#options.options.subscribeUrl !== undefined) {
      const { id } = this.#options.options;
      throw new TypeError(`Cannot send a frame to stream ${id}: its frames come from its input`);
    }
    if (!isActive(this.#state)) return false;
    if (this.#framesUnderWay >= MAX_FRAMES_UNDER_WAY) {
      if (isVideoFrame(frame)) this.#dropped.frames++;
      return false;
    }
    this.#framesUnderWay++;
    try {
      return await this.#options.remote.sendFrame(await toPlainFrame(frame));
    } catch (error) {
      if (this.#isLost) return false; // it ended meanwhile
      throw error;
    } finally {
      this.#framesUnderWay--;
    }
  }

  /** The process ids of its ffmpeg children, a quarter of a second ago. */
  get ffmpegPids(): readonly number[] {
    return this.#snapshot?.ffmpegPids ?? [];
  }

  /** Figures of the last quarter of a second. */
  metrics(): SessionMetrics {
    if (this.#snapshot !== undefined) return withDropped(this.#snapshot.metrics, this.#dropped);
    throw new TypeError("Cannot give the figures of a session that was not opened");
  }

  /** More of the last quarter of a second. */
  details(): SessionDetails {
    if (this.#snapshot !== undefined) return this.#snapshot.details;
    throw new TypeError("Cannot give the figures of a session that was not opened");
  }

  /** Ends the session; what does not end it in 7 s is ended itself. Idempotent. */
  stop(): Promise<SessionEnd> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The same as {@linkcode stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Takes an event of the session. */
  takeEvent(plain: PlainEvent): void {
    const event = fromPlainEvent(plain);
    if (event.type === "state") this.#state = event.state;
    this.#options.options.onEvent?.(event);
    if (event.type === "ended") this.#finish(event.end);
  }

  /** Takes what is told of the stream. Throws a `TypeError` for what cannot be shown to anybody. */
  takeSnapshot(snapshot: StreamSnapshot): void {
    const { metrics, details } = snapshot;
    if (!metrics || typeof metrics !== "object" || !details || typeof details !== "object") {
      throw new TypeError("the figures of a stream are damaged");
    }
    JSON.stringify(metrics);
    this.#snapshot = snapshot;
    this.#silentMs = 0;
  }

  /** Where it ran is gone: the stream ends, and its channels with it. */
  crashed(error: ProcessorError): void {
    if (this.#state === "ended") return;
    this.#isLost = true;
    this.#state = "ended";
    this.#cancelWatch();
    const { id, onEvent } = this.#options.options;
    const isStopping = this.#stopping !== undefined;
    const end: SessionEnd = isStopping ? { reason: "stopped" } : { reason: "failed", error };
    onEvent?.({ type: "ended", end });
    log.info("Stream {stream} ended with what it ran in", { stream: id });
    abandonStream({ ...this.#options.options, error }).catch((failure) => {
      const reason = describeError(failure);
      log.warn("Stream {stream} could not be ended: {reason}", { stream: id, reason });
    }).finally(() => this.#ended.resolve(end));
  }

  /** Makes a call that nobody waits for. Returns false where too many were not answered: it is not made. */
  #tell(call: () => Promise<void>): boolean {
    if (this.#unanswered >= MAX_UNANSWERED) return false;
    this.#unanswered++;
    call().catch((error) => {
      if (this.#state === "ended") return;
      const reason = describeError(error);
      log.warn("Stream {stream} did not take a call: {reason}", {
        stream: this.#options.options.id,
        reason,
      });
    }).finally(() => this.#unanswered--);
    return true;
  }

  async #stop(): Promise<SessionEnd> {
    if (this.#state === "ended") return await this.ended;
    const { remote, terminate, options, clock } = this.#options;
    const stopping = remote.stop();
    stopping.catch(() => {}); // what it ran in is gone: the session has ended
    const stopped = Promise.all([stopping, this.ended]);
    if (!await isDoneWithin(clock, stopped, STOP_TIMEOUT_MS)) {
      terminate(`Stream ${options.id} did not stop: what it runs in is ended`);
    }
    return await this.ended;
  }

  #finish(end: SessionEnd): void {
    this.#state = "ended";
    this.#cancelWatch();
    this.#ended.resolve(end);
  }

  #watch(): void {
    const { clock } = this.#options;
    this.#cancelWatch = clock.schedule(WATCH_INTERVAL_MS, () => this.#checkSilence());
  }

  /** Counts looks, not the time between them: while this process is suspended it hears nobody. */
  #checkSilence(): void {
    const { silenceMs, terminate, isLoading, options } = this.#options;
    this.#silentMs = isLoading() ? 0 : this.#silentMs + WATCH_INTERVAL_MS;
    if (this.#silentMs < silenceMs) return this.#watch();
    terminate(
      `Stream ${options.id} said nothing for ${silenceMs} ms: its processor does not yield; ` +
        "what it runs in is ended",
    );
  }
}

/** The figures of a stream with what was dropped on the way to it. */
function withDropped(
  metrics: SessionMetrics,
  { lines, events, frames }: {
    readonly lines: number;
    readonly events: number;
    readonly frames: number;
  },
): SessionMetrics {
  const { queue = 0 } = metrics.frames_dropped_by_reason;
  return {
    ...metrics,
    data_lines_dropped: metrics.data_lines_dropped + lines,
    events_dropped: metrics.events_dropped + events,
    frames_in: metrics.frames_in + frames,
    frames_dropped: metrics.frames_dropped + frames,
    frames_dropped_by_reason: frames === 0
      ? metrics.frames_dropped_by_reason
      : { ...metrics.frames_dropped_by_reason, queue: queue + frames },
  };
}

async function toPlainFrame(frame: VideoFrame | AudioFrame): Promise<PlainFrame> {
  const { timestamp: ptsTicks, timeBase } = frame;
  if (!isVideoFrame(frame)) {
    const { samples, sampleRate } = frame;
    return { kind: "audio", samples, sampleRate, ptsTicks, timeBase };
  }
  using shared = frame.share();
  const { pixelFormat, width, height, color, data } = await shared.to("cpu");
  return { kind: "video", pixelFormat, width, height, color, data, ptsTicks, timeBase };
}

/** What cannot be copied stays here. */
function copiable(options: HostedStreamOptions): IsolatedStreamOptions {
  const {
    onEvent: _onEvent,
    parseControl: _parse,
    media: _media,
    clock: _clock,
    wallNow: _wallNow,
    createTransport: _createTransport,
    ...rest
  } = options;
  return rest;
}

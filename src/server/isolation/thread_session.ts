/**
 * A session that runs in a thread, as the server sees it.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { describeError, type ProcessorError, roomLogger } from "../../base/mod.ts";
import {
  abandonStream,
  type SessionEnd,
  type SessionMetrics,
  type SessionState,
  type StreamParams,
} from "../../session/mod.ts";
import type { StreamSession } from "../active_stream.ts";
import type { HostedStreamOptions } from "../stream_host.ts";
import {
  fromPlainEvent,
  type PlainEvent,
  type ThreadCall,
  type ThreadSnapshot,
  type ThreadStreamOptions,
  type ToThread,
} from "./messages.ts";

const log = roomLogger("server");

/** A session flushes for 2 s; a thread that has not ended it by then hangs. */
const STOP_TIMEOUT_MS = 5_000;
/** How often the silence of a thread is looked at. */
const WATCH_INTERVAL_MS = 500;

/** Options of a {@linkcode ThreadSession}. */
export interface ThreadSessionOptions {
  readonly options: HostedStreamOptions;
  readonly post: (message: ToThread) => void;
  readonly call: (call: ThreadCall) => Promise<void>;
  /** Ends the thread, which then says so with {@linkcode ThreadSession.crashed}. */
  readonly terminate: (reason: string) => void;
  /** A thread that says nothing for so long is ended. */
  readonly silenceMs: number;
}

/** Passes calls on to the thread, and keeps what it last said. */
export class ThreadSession implements StreamSession {
  readonly ended: Promise<SessionEnd>;
  readonly #options: ThreadSessionOptions;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #snapshot: ThreadSnapshot | undefined;
  #state: SessionState = "starting";
  #heardMs = performance.now();
  #watch: ReturnType<typeof setInterval> | undefined;
  #stopping: Promise<SessionEnd> | undefined;
  #isLost = false;

  /** Asks the thread for nothing before {@linkcode open}. */
  constructor(options: ThreadSessionOptions) {
    this.#options = options;
    this.ended = this.#ended.promise;
  }

  /** Sets the session up in the thread; rejects as `openTrickleSession` throws. */
  async open(): Promise<void> {
    const { options, call } = this.#options;
    await call({ method: "open", options: copiable(options) });
  }

  /** Where the session is in its life. */
  get state(): SessionState {
    return this.#state;
  }

  /** The parameters as the thread last told them. */
  get params(): StreamParams {
    return this.#snapshot?.params ?? this.#options.options.params ?? {};
  }

  /** Whether the processor is of no use any more. */
  get processorHangs(): boolean {
    return this.#isLost || this.#snapshot?.processorHangs === true;
  }

  /** Begins to read, process and write. */
  start(): void {
    this.#state = "running";
    this.#heardMs = performance.now();
    this.#options.post({ type: "start" });
    this.#watch = setInterval(() => this.#checkSilence(), WATCH_INTERVAL_MS);
  }

  /** Rejects as a session does. */
  async updateParams(params: StreamParams): Promise<void> {
    await this.#options.call({ method: "updateParams", params });
  }

  /** Publishes a line on the data channel, or drops and counts it. */
  sendData(text: string): void {
    this.#options.post({ type: "send-data", text });
  }

  /** Publishes an event; throws a `DataCloneError` for one that cannot be copied. */
  sendEvent(event: unknown, name: string): void {
    this.#options.post({ type: "send-event", event, name });
  }

  /** Figures of the last quarter of a second. */
  metrics(): SessionMetrics {
    if (this.#snapshot !== undefined) return this.#snapshot.metrics;
    throw new TypeError("Cannot give the figures of a session that was not opened");
  }

  /** Ends the session; a thread that does not in 5 s is ended. Idempotent. */
  stop(): Promise<SessionEnd> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** The same as {@linkcode stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Takes an event of the thread. */
  takeEvent(plain: PlainEvent): void {
    const event = fromPlainEvent(plain);
    if (event.type === "state") this.#state = event.state;
    this.#options.options.onEvent?.(event);
    if (event.type === "ended") this.#finish(event.end);
  }

  /** Takes what the thread tells of the stream. */
  takeSnapshot(snapshot: ThreadSnapshot): void {
    this.#snapshot = snapshot;
    this.#heardMs = performance.now();
  }

  /** The thread is gone: the stream ends, and its channels with it. */
  crashed(error: ProcessorError): void {
    if (this.#state === "ended") return;
    this.#isLost = true;
    this.#state = "ended";
    clearInterval(this.#watch);
    const { id, onEvent } = this.#options.options;
    const isStopping = this.#stopping !== undefined;
    const end: SessionEnd = isStopping ? { reason: "stopped" } : { reason: "failed", error };
    onEvent?.({ type: "ended", end });
    log.info("Stream {stream} ended with its thread", { stream: id });
    abandonStream({ ...this.#options.options, error }).catch((failure) => {
      const reason = describeError(failure);
      log.warn("Stream {stream} could not be ended: {reason}", { stream: id, reason });
    }).finally(() => this.#ended.resolve(end));
  }

  async #stop(): Promise<SessionEnd> {
    if (this.#state === "ended") return await this.ended;
    const { call, terminate, options } = this.#options;
    const stopping = call({ method: "stop" });
    stopping.catch(() => {}); // the thread is gone: the session has ended
    try {
      await deadline(Promise.all([stopping, this.ended]), STOP_TIMEOUT_MS);
    } catch {
      terminate(`The thread of stream ${options.id} did not stop: it is ended`);
    }
    return await this.ended;
  }

  #finish(end: SessionEnd): void {
    this.#state = "ended";
    clearInterval(this.#watch);
    this.#ended.resolve(end);
  }

  #checkSilence(): void {
    const silentMs = performance.now() - this.#heardMs;
    const { silenceMs, terminate, options } = this.#options;
    if (silentMs < silenceMs) return;
    terminate(
      `The thread of stream ${options.id} did not answer within ${silenceMs} ms: ` +
        "its processor does not yield; it is ended",
    );
  }
}

/** What a thread cannot be given stays here. */
function copiable(options: HostedStreamOptions): ThreadStreamOptions {
  const {
    onEvent: _onEvent,
    parseControl: _parse,
    media: _media,
    clock: _clock,
    wallNow: _wallNow,
    ...rest
  } = options;
  return rest;
}

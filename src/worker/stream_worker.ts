/**
 * The streams of a worker: which are active, whether another may start, and how they end.
 *
 * @module
 */

import { type Clock, describeError, roomLogger, systemClock } from "../base/mod.ts";
import {
  safeListener,
  type SessionEnd,
  type SessionMetrics,
  type VideoHardware,
  WarmCodecs,
  type WarmFigures,
} from "../session/mod.ts";
import { admitByLag, EventLoopMonitor } from "./admission.ts";
import {
  createHostFactory,
  type IsolationFault,
  isReplaceable,
  warmCodecsOptions,
} from "./hosts/host_factory.ts";
import { HostPool } from "./hosts/host_pool.ts";
import type { HostedStreamOptions, HostState, StreamHost } from "./hosts/stream_host.ts";
import type { JsonSchema } from "./json_schema.ts";
import { Stream, type StreamRequest } from "./stream.ts";
import { type LedgerFigures, type RejectReason, StreamLedger } from "./stream_ledger.ts";
import { paramsOrThrow } from "./stream_params.ts";
import type { WorkerOptions } from "./worker_options.ts";

const log = roomLogger("worker");

/** The streams that a request can mean. */
export type Selection =
  | { readonly kind: "one"; readonly stream: Stream }
  | { readonly kind: "none" }
  /** It names none of several. */
  | { readonly kind: "ambiguous"; readonly ids: readonly string[] };

/** No stream can start now: nothing is wrong with the request. */
export class StreamRefused extends Error {
  /** What it is counted as. */
  readonly reason: RejectReason;

  /** `message` follows "Cannot start stream X: ". */
  constructor(reason: RejectReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a worker knows of its streams when it is asked. */
export interface WorkerSnapshot {
  readonly pipeline: HostState;
  /** The streams that have a session, oldest first. */
  readonly streams: readonly Stream[];
  /** Most streams at once. */
  readonly capacity: number;
  /** Why the last stream failed, if it did. */
  readonly lastError: string | undefined;
  /** Figures of the last stream that ended. */
  readonly lastMetrics: SessionMetrics | undefined;
}

/** What a worker counts, beside the figures of its streams. */
export interface WorkerFigures {
  readonly ledger: LedgerFigures;
  /** Data and events that processors sent while they had no stream. */
  readonly droppedMessages: number;
  /** Threads and processes that ended without being asked to. */
  readonly isolationFaults: Readonly<Record<IsolationFault, number>>;
  /** ffmpeg children that wait for a stream of this thread; undefined where none are kept. */
  readonly warm: WarmFigures | undefined;
}

/** Runs streams on processors that are ready before they are needed. A stream has one owner: this. */
export class StreamWorker implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #hardware: VideoHardware;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #abort = new AbortController();
  readonly #warmCodecs: WarmCodecs | undefined;
  readonly #create: () => StreamHost;
  readonly #streams = new Map<string, Stream>();
  readonly #ledger = new StreamLedger();
  readonly #monitor = new EventLoopMonitor();
  readonly #isolationFaults: Record<IsolationFault, number> = { crashed: 0, hung: 0 };
  #pool: HostPool | undefined;
  #lastError: string | undefined;
  #lastMetrics: SessionMetrics | undefined;
  #isClosed = false;

  /**
   * Makes the first processor, without initializing it. Throws a `RangeError` for a capacity that is none,
   * and a `ConfigError` for a processor that cannot be made or shared.
   */
  constructor(options: WorkerOptions, hardware: VideoHardware) {
    this.#options = options;
    this.#hardware = hardware;
    this.#clock = options.clock ?? systemClock;
    this.#capacity = options.capacity ?? 1;
    this.#warmCodecs = this.#createWarmCodecs();
    this.#create = createHostFactory(options, {
      signal: this.#abort.signal,
      clock: this.#clock,
      warmCodecs: this.#warmCodecs,
      hardware,
      onFault: (fault) => this.#isolationFaults[fault]++,
    });
  }

  /** Begins to initialize processors; streams may start once one is ready. */
  load(): void {
    this.#pool ??= new HostPool({
      create: this.#create,
      capacity: this.#capacity,
      replaceable: isReplaceable(this.#options.processor),
      clock: this.#clock,
    });
  }

  /** How far the processors are. */
  get state(): HostState {
    return this.#pool?.state ?? { kind: "loading" };
  }

  /** Resolves when the first initialization is over, one way or the other. */
  get initialized(): Promise<void> {
    return this.#pool?.settled ?? Promise.resolve();
  }

  /** Resolves when a processor is ready, or the signal aborts. */
  async whenReady(signal: AbortSignal): Promise<void> {
    await this.#pool?.whenReady(signal);
  }

  /** What streams take as parameters, as far as the processor has said it. */
  get paramsSchema(): JsonSchema | undefined {
    return this.#pool?.paramsSchema;
  }

  /** The streams that have a session, oldest first. */
  get streams(): readonly Stream[] {
    return [...this.#streams.values()].filter((stream) => stream.isOpen);
  }

  /** Most streams at once. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Whether streams may start at all, when there is room for them. */
  get takesStreams(): boolean {
    return !this.#isClosed && this.state.kind === "ready";
  }

  /** What is known of the streams now. */
  snapshot(): WorkerSnapshot {
    return {
      pipeline: this.state,
      streams: this.streams,
      capacity: this.#capacity,
      lastError: this.#lastError,
      lastMetrics: this.#lastMetrics,
    };
  }

  /** What was counted. */
  figures(): WorkerFigures {
    return {
      ledger: this.#ledger.figures(),
      droppedMessages: this.#pool?.droppedMessages ?? 0,
      isolationFaults: { ...this.#isolationFaults },
      warm: this.#warmCodecs?.figures,
    };
  }

  /**
   * The stream that a request means which gives these ids, the most telling first. A worker for one
   * stream means that one, whatever the ids. With `opening`, streams that have no session yet count, too.
   */
  select(ids: readonly string[], { opening = false } = {}): Selection {
    const streams = opening ? [...this.#streams.values()] : this.streams;
    if (this.#capacity > 1 && ids.length > 0) {
      const named = ids.map((id) => streams.find(({ names }) => names.includes(id)));
      const stream = named.find((found) => found !== undefined);
      return stream === undefined ? { kind: "none" } : { kind: "one", stream };
    }
    if (streams.length > 1) return { kind: "ambiguous", ids: streams.map(({ id }) => id) };
    const [stream] = streams;
    return stream === undefined ? { kind: "none" } : { kind: "one", stream };
  }

  /** The stream of this name, whatever it is doing. */
  find(id: string): Stream | undefined {
    return [...this.#streams.values()].find(({ names }) => names.includes(id));
  }

  /** Counts a start that never came so far as {@linkcode start}. */
  reject(reason: RejectReason): void {
    this.#ledger.rejected(reason);
  }

  /**
   * Opens and starts the session of a stream. Rejects with what the session threw, or with a
   * {@linkcode StreamRefused}; then nothing is left of it, and it is counted as refused.
   */
  async start(request: StreamRequest): Promise<void> {
    try {
      const host = this.#takeHost(request);
      const stream = new Stream(request);
      // From here on others see the place and the names taken.
      this.#streams.set(stream.id, stream);
      await this.#begin(stream, host);
    } catch (error) {
      this.#ledger.rejected(error instanceof StreamRefused ? error.reason : "error");
      throw error;
    }
    this.#ledger.started();
    this.#lastError = undefined;
    log.info("Stream {stream} started", { stream: request.id });
  }

  /** Stops every stream; none can start afterwards. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#abort.abort();
    const stopping = [...this.#streams.values()].map((stream) => {
      const stopped = stream.stop();
      // What opens may wait for its processor: it ends with that.
      return stream.isOpen ? stopped : undefined;
    });
    await Promise.all(stopping);
    this.#monitor.stop();
  }

  /** Stops every stream and gives the processors and waiting children back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#pool?.[Symbol.asyncDispose]();
    await this.#warmCodecs?.[Symbol.asyncDispose]();
  }

  #createWarmCodecs(): WarmCodecs | undefined {
    if ((this.#options.isolate ?? "none") !== "none") return undefined;
    const options = warmCodecsOptions(this.#options, this.#hardware);
    return options === undefined ? undefined : new WarmCodecs({ ...options, clock: this.#clock });
  }

  /** A processor for a stream. Throws a {@linkcode StreamRefused} where it may not start. */
  #takeHost(request: StreamRequest): StreamHost {
    this.#refuseUnready();
    const activeStreams = this.#streams.size;
    const load = { activeStreams, capacity: this.#capacity, eventLoopLagMs: this.#monitor.lagMs };
    if (activeStreams >= this.#capacity) {
      const streams = `one of the ${this.#capacity} active streams`;
      const which = this.#capacity === 1 ? "the active stream" : streams;
      throw new StreamRefused("capacity", `Pipeline is still in use; stop ${which} first`);
    }
    const busy = (this.#options.admit ?? admitByLag)(load);
    if (busy !== undefined) throw new StreamRefused("load", busy);
    const taken = [request.id, ...request.aliases].find((name) => this.find(name) !== undefined);
    if (taken !== undefined) {
      throw new StreamRefused("invalid", `${taken} is active; stop it first`);
    }
    const host = this.#pool?.take();
    if (host !== undefined) return host;
    const failure = this.#pool?.failure;
    throw new StreamRefused(
      failure === undefined ? "capacity" : "failed",
      `there is no processor for it: ${failure ?? "none is free"}; try again later`,
    );
  }

  #refuseUnready(): void {
    const { state } = this;
    if (this.#isClosed) {
      throw new StreamRefused("stopping", "the server is stopping; use another worker");
    }
    if (state.kind === "loading") {
      throw new StreamRefused("loading", "Pipeline is still initializing; try again later");
    }
    if (state.kind === "failed") {
      throw new StreamRefused("failed", `Pipeline failed to initialize: ${state.reason}`);
    }
  }

  async #begin(stream: Stream, host: StreamHost): Promise<void> {
    try {
      const session = await stream.begin(() => host.open(this.#sessionOptions(stream.request)));
      if (session === undefined) {
        throw new StreamRefused("capacity", "it was stopped before it began");
      }
      this.#monitor.start();
      void session.ended.then((end) => this.#streamEnded(stream, host, end));
    } catch (error) {
      this.#remove(stream, host, "whole");
      throw error;
    }
  }

  #streamEnded(stream: Stream, host: StreamHost, end: SessionEnd): void {
    const { session, request } = stream;
    this.#lastMetrics = session.metrics();
    this.#ledger.ended(end, this.#lastMetrics, session.details());
    if (end.reason === "failed") this.#lastError = describeError(end.error);
    if (end.reason === "input-ended" && !end.found) {
      const { subscribeUrl } = request;
      this.#lastError =
        `Cannot read ${subscribeUrl}: there is no such channel; check subscribe_url`;
    }
    const isBroken = end.reason === "failed" || session.processorHangs;
    this.#remove(stream, host, isBroken ? "broken" : "whole");
  }

  #remove(stream: Stream, host: StreamHost, fate: "whole" | "broken"): void {
    this.#streams.delete(stream.id);
    this.#pool?.giveBack(host, fate);
    if (this.streams.length === 0) this.#monitor.stop();
    stream.leave();
  }

  #sessionOptions(request: StreamRequest): HostedStreamOptions {
    const { aliases: _aliases, sessionId: _sessionId, ...channels } = request;
    const { targetFps, maxQueueSize, maxQueueLatencyMs, maxBehindMs } = this.#options;
    const { overlay, gpuDepth } = this.#options;
    const { audioCodec, encoder, gopSeconds, stopTimeoutMs, tls, onStreamEvent } = this.#options;
    return {
      ...channels,
      clock: this.#clock,
      hardware: this.#hardware,
      pipelineName: this.#options.pipeline,
      targetFps,
      maxQueueSize,
      maxQueueLatencyMs,
      maxBehindMs,
      overlay,
      gpuDepth,
      audioCodec,
      encoder,
      gopSeconds,
      stopTimeoutMs,
      tls,
      urlRules: { allow: this.#options.allowUrls },
      parseControl: paramsOrThrow,
      onEvent: onStreamEvent === undefined
        ? undefined
        : safeListener((event) => onStreamEvent(event, request.id), request.id),
    };
  }
}

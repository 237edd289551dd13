/**
 * The streams of a server: which are active, whether another may start, and how they end.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";
import {
  safeListener,
  type SessionEnd,
  type SessionEvent,
  type SessionMetrics,
  type StreamParams,
} from "../session/mod.ts";
import { ActiveStream, type StreamNames } from "./active_stream.ts";
import type { HostPool } from "./hosts/host_pool.ts";
import { type Admission, EventLoopMonitor } from "./load_monitor.ts";
import type { ServerSnapshot } from "./api/pipeline_status.ts";
import { type RejectReason, StreamLedger } from "./prometheus/mod.ts";
import type { StartRequest } from "./api/schemas.ts";
import type { HostedStreamOptions, StreamHost } from "./hosts/stream_host.ts";

const log = roomLogger("server");

/** What a {@linkcode StreamRegistry} needs of its server. */
export interface StreamRegistryOptions {
  readonly pool: HostPool;
  /** Streams at once. */
  readonly capacity: number;
  /** Options that every session shares. */
  readonly defaults: Partial<HostedStreamOptions>;
  readonly admit: Admission;
  /** Turns a control message into parameters; throws what is wrong with it. */
  readonly parseControl: (message: unknown) => StreamParams;
  /** Takes what happens to the streams. */
  readonly onEvent?: ((event: SessionEvent, streamId: string) => void) | undefined;
}

/** The streams that a request can mean. */
export type Selection =
  | { readonly kind: "one"; readonly stream: ActiveStream }
  | { readonly kind: "none" }
  /** It names none of several. */
  | { readonly kind: "ambiguous"; readonly ids: readonly string[] };

/** No stream can start now: nothing is wrong with the request. */
export class StreamRefused extends Error {}

/** A stream that is being set up. */
interface OpeningStream {
  readonly names: readonly string[];
  /** Resolves when it is active, or came to nothing. */
  readonly done: Promise<unknown>;
  isCancelled: boolean;
}

/** The active streams by id. A stream is in it until its session has ended. */
export class StreamRegistry {
  /** Counts the streams for `/metrics`. */
  readonly ledger: StreamLedger = new StreamLedger();
  readonly #options: StreamRegistryOptions;
  readonly #streams = new Map<string, ActiveStream>();
  /** The streams that are being set up. */
  readonly #opening = new Set<OpeningStream>();
  readonly #monitor = new EventLoopMonitor();
  #lastError: string | undefined;
  #lastMetrics: SessionMetrics | undefined;
  #closed = false;

  /** Creates an empty registry. */
  constructor(options: StreamRegistryOptions) {
    this.#options = options;
  }

  /** The streams that have not ended, oldest first. */
  get streams(): readonly ActiveStream[] {
    return [...this.#streams.values()];
  }

  /** Most streams at once. */
  get capacity(): number {
    return this.#options.capacity;
  }

  /** Whether streams may start at all, when there is room for them. */
  get takesStreams(): boolean {
    return !this.#closed && this.#options.pool.state.kind === "ready";
  }

  /** How late the event loop runs, in milliseconds; 0 without streams. */
  get eventLoopLagMs(): number {
    return this.#monitor.lagMs;
  }

  /**
   * The stream that a request means which gives these ids, the most telling first. A server for one
   * stream means that one, whatever the ids.
   */
  select(ids: readonly string[]): Selection {
    const streams = this.streams;
    if (this.#options.capacity > 1 && ids.length > 0) {
      const named = ids.map((id) => streams.find((stream) => stream.isCalled(id)));
      const stream = named.find((found) => found !== undefined);
      return stream === undefined ? { kind: "none" } : { kind: "one", stream };
    }
    if (streams.length > 1) return { kind: "ambiguous", ids: streams.map(({ id }) => id) };
    const [stream] = streams;
    return stream === undefined ? { kind: "none" } : { kind: "one", stream };
  }

  /** What is to be told about the server now. */
  snapshot(): ServerSnapshot {
    return {
      pipeline: this.#options.pool.state,
      streams: this.streams,
      capacity: this.#options.capacity,
      lastError: this.#lastError,
      lastMetrics: this.#lastMetrics,
    };
  }

  /** Data and events that processors sent while there was no stream to take them. */
  get droppedMessages(): number {
    return this.#options.pool.droppedMessages;
  }

  /** Why no stream may start now; undefined when one may. A reason is counted. */
  refusal(): string | undefined {
    const refusal = this.#findRefusal();
    if (refusal === undefined) return undefined;
    this.ledger.rejected(refusal.kind);
    return refusal.reason;
  }

  /** Whether a stream goes by this id. */
  has(id: string): boolean {
    return this.streams.some((stream) => stream.isCalled(id)) ||
      [...this.#opening].some(({ names }) => names.includes(id));
  }

  /**
   * Opens and starts the session of a stream that {@linkcode refusal} allows. Rejects with what the
   * session threw, and then nothing is left of it; with a {@linkcode StreamRefused} where there is no
   * processor for it, or it was stopped meanwhile.
   */
  async start(request: StartRequest, names: StreamNames): Promise<void> {
    const { pool } = this.#options;
    const host = pool.take();
    if (host === undefined) {
      const reason = pool.failure ?? "none is free";
      this.ledger.rejected(pool.failure === undefined ? "capacity" : "failed");
      throw new StreamRefused(`there is no processor for it: ${reason}; try again later`);
    }
    const stream = await this.#open(request, host, names);
    this.#lastError = undefined;
    this.#monitor.start();
    try {
      stream.start((end) => this.#streamEnded(stream, host, end));
    } catch (error) {
      await stream.discard();
      this.#remove(stream, host, "whole");
      throw error;
    }
    this.ledger.started();
    log.info("Stream {stream} started", { stream: stream.id });
  }

  /**
   * Stops the stream that goes by one of these ids while it is being set up; without ids the only one
   * there is. Resolves to its id when it is gone; to undefined where there is none.
   */
  async cancelOpening(ids: readonly string[]): Promise<string | undefined> {
    const opening = [...this.#opening];
    const found = this.#options.capacity > 1 && ids.length > 0
      ? opening.find(({ names }) => ids.some((id) => names.includes(id)))
      : opening.length === 1
      ? opening[0]
      : undefined;
    if (found === undefined) return undefined;
    found.isCancelled = true;
    await found.done;
    return found.names[0];
  }

  /** Stops every stream; none can start afterwards. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const opening of this.#opening) opening.isCancelled = true;
    await Promise.all(this.streams.map((stream) => stream.stop()));
    this.#monitor.stop();
  }

  #findRefusal(): { readonly kind: RejectReason; readonly reason: string } | undefined {
    const { pool, capacity, admit } = this.#options;
    const { state } = pool;
    if (this.#closed) {
      return { kind: "stopping", reason: "the server is stopping; use another worker" };
    }
    if (state.kind === "loading") {
      return { kind: "loading", reason: "Pipeline is still initializing; try again later" };
    }
    if (state.kind === "failed") {
      return { kind: "failed", reason: `Pipeline failed to initialize: ${state.reason}` };
    }
    const activeStreams = this.#streams.size + this.#opening.size;
    if (activeStreams >= capacity) {
      const all = capacity === 1 ? "the active stream" : `one of the ${capacity} active streams`;
      return { kind: "capacity", reason: `Pipeline is still in use; stop ${all} first` };
    }
    const reason = admit({ activeStreams, capacity, eventLoopLagMs: this.#monitor.lagMs });
    return reason === undefined ? undefined : { kind: "load", reason };
  }

  async #open(
    request: StartRequest,
    host: StreamHost,
    names: StreamNames,
  ): Promise<ActiveStream> {
    const done = Promise.withResolvers<void>();
    const all = [request.gateway_request_id, ...names.aliases];
    const opening: OpeningStream = { names: all, done: done.promise, isCancelled: false };
    // From here on others see the place and the names taken.
    this.#opening.add(opening);
    try {
      const session = await host.open(this.#sessionOptions(request));
      const stream = new ActiveStream(request, session, names);
      if (opening.isCancelled) {
        await stream.discard();
        throw new StreamRefused("it was stopped before it began");
      }
      this.#streams.set(stream.id, stream);
      return stream;
    } catch (error) {
      this.#options.pool.giveBack(host, "whole");
      throw error;
    } finally {
      this.#opening.delete(opening);
      done.resolve();
    }
  }

  #sessionOptions(request: StartRequest): HostedStreamOptions {
    const { defaults, parseControl, onEvent } = this.#options;
    const { gateway_request_id: id, params } = request;
    return {
      ...defaults,
      id,
      params,
      parseControl,
      subscribeUrl: request.subscribe_url,
      publishUrl: request.publish_url,
      controlUrl: request.control_url,
      eventsUrl: request.events_url,
      dataUrl: request.data_url,
      ...(onEvent === undefined
        ? {}
        : { onEvent: safeListener((event) => onEvent(event, id), id) }),
    };
  }

  #remove(stream: ActiveStream, host: StreamHost, fate: "whole" | "broken"): void {
    this.#streams.delete(stream.id);
    this.#options.pool.giveBack(host, fate);
    if (this.#streams.size === 0) this.#monitor.stop();
  }

  #streamEnded(stream: ActiveStream, host: StreamHost, end: SessionEnd): void {
    this.#lastMetrics = stream.metrics();
    this.ledger.ended(end, this.#lastMetrics, stream.details());
    const isBroken = end.reason === "failed" || stream.processorHangs;
    this.#remove(stream, host, isBroken ? "broken" : "whole");
    if (end.reason === "failed") this.#lastError = describeError(end.error);
    if (end.reason === "input-ended" && !end.found) this.#lastError = inputNotFound(stream);
  }
}

function inputNotFound({ request }: ActiveStream): string {
  return `Cannot read ${request.subscribe_url}: there is no such channel; check subscribe_url`;
}

/**
 * The streams of a server: which are active, whether another may start, and how they end.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";
import type { SessionEnd, SessionMetrics, TrickleSessionOptions } from "../session/mod.ts";
import { ActiveStream, type StreamSession } from "./active_stream.ts";
import type { ServerSnapshot } from "./pipeline_status.ts";
import type { ProcessorHost } from "./processor_host.ts";
import { type RejectReason, StreamLedger } from "./prometheus/mod.ts";
import type { StartRequest } from "./schemas.ts";

const log = roomLogger("server");

/** Streams at once. */
export const CAPACITY = 1;

/** What a {@linkcode StreamRegistry} needs of its server. */
export interface StreamRegistryOptions {
  readonly host: ProcessorHost;
  /** Options that every session shares. */
  readonly defaults: Partial<TrickleSessionOptions>;
  readonly openSession: (options: TrickleSessionOptions) => StreamSession;
}

/** The active streams by id. A stream is in it until its session has ended. */
export class StreamRegistry {
  /** Counts the streams for `/metrics`. */
  readonly ledger: StreamLedger = new StreamLedger();
  readonly #options: StreamRegistryOptions;
  readonly #streams = new Map<string, ActiveStream>();
  #lastError: string | undefined;
  #lastMetrics: SessionMetrics | undefined;
  #closed = false;

  /** Creates an empty registry. */
  constructor(options: StreamRegistryOptions) {
    this.#options = options;
  }

  /** The stream that a request without an id means. */
  get active(): ActiveStream | undefined {
    return this.#streams.values().next().value;
  }

  /** What is to be told about the server now. */
  snapshot(): ServerSnapshot {
    return {
      pipeline: this.#options.host.state,
      streams: [...this.#streams.values()],
      lastError: this.#lastError,
      lastMetrics: this.#lastMetrics,
    };
  }

  /** See {@linkcode ProcessorHost.droppedMessages}. */
  get droppedMessages(): number {
    return this.#options.host.droppedMessages;
  }

  /** What {@linkcode refusal} is counted as. */
  get rejectReason(): RejectReason {
    const { state } = this.#options.host;
    if (this.#closed) return "stopping";
    return state.kind === "ready" ? "capacity" : state.kind;
  }

  /** Why no stream may start now; undefined when one may. */
  refusal(): string | undefined {
    const { state } = this.#options.host;
    if (this.#closed) return "the server is stopping; use another worker";
    if (state.kind === "loading") return "Pipeline is still initializing; try again later";
    if (state.kind === "failed") return `Pipeline failed to initialize: ${state.reason}`;
    if (this.#streams.size < CAPACITY) return undefined;
    return "Pipeline is still in use; stop the active stream first";
  }

  /**
   * Opens and starts the session of a stream that {@linkcode refusal} allows. Rejects with what the
   * session threw, and then nothing is left of it.
   */
  async start(request: StartRequest): Promise<void> {
    const stream = new ActiveStream(request, this.#open(request));
    this.#streams.set(stream.id, stream);
    this.#options.host.attach(stream);
    this.#lastError = undefined;
    try {
      stream.start((end) => this.#ended(stream, end));
    } catch (error) {
      await stream.discard();
      this.#remove(stream);
      throw error;
    }
    this.ledger.started();
    log.info("Stream {stream} started", { stream: stream.id });
  }

  /** Stops every stream; none can start afterwards. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#streams.values()].map((stream) => stream.stop()));
  }

  #open(request: StartRequest): StreamSession {
    const { host, defaults, openSession } = this.#options;
    const { gateway_request_id: id, subscribe_url, publish_url, data_url } = request;
    return openSession({
      ...defaults,
      id,
      processor: host.processor,
      params: request.params,
      subscribeUrl: subscribe_url,
      publishUrl: publish_url,
      dataUrl: data_url,
    });
  }

  #remove(stream: ActiveStream): void {
    this.#streams.delete(stream.id);
    this.#options.host.detach(stream);
  }

  #ended(stream: ActiveStream, end: SessionEnd): void {
    this.#lastMetrics = stream.metrics();
    this.ledger.ended(end, this.#lastMetrics, stream.details());
    this.#remove(stream);
    if (end.reason === "failed") this.#lastError = describeError(end.error);
    if (end.reason === "input-ended" && !end.found) this.#lastError = inputNotFound(stream);
  }
}

function inputNotFound({ request }: ActiveStream): string {
  return `Cannot read ${request.subscribe_url}: there is no such channel; check subscribe_url`;
}

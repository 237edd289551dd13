/**
 * Where streams run: a processor with everything that a stream needs of it.
 *
 * @module
 */

import { callUserCode, describeError, roomLogger, withTimeout } from "../../base/mod.ts";
import type { FrameProcessor, ProcessorContext } from "../../processor/mod.ts";
import type { TrickleSessionOptions, WarmCodecs } from "../../session/mod.ts";
import type { StreamSession } from "../stream.ts";
import { type JsonSchema, paramsJsonSchema } from "../json_schema.ts";

const log = roomLogger("worker");

/** How far the initialization of a processor is. */
export type HostState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string };

/** What a stream is set up with, apart from the processor. */
export type HostedStreamOptions = Omit<
  TrickleSessionOptions,
  "processor" | "processorReady" | "warmCodecs"
>;

/** A processor that serves one stream after another. */
export interface StreamHost extends AsyncDisposable {
  readonly state: HostState;
  /** Resolves when initialization is over, one way or the other. */
  readonly settled: Promise<void>;
  /** Resolves when it can serve no stream any more although it was ready; then its state is `failed`. */
  readonly lost: Promise<void>;
  /** What its streams take as parameters, where the processor declares that. Known once `settled`. */
  readonly paramsSchema: JsonSchema | undefined;
  /** Data and events that the processor sent while it had no stream. */
  readonly droppedMessages: number;
  /** Sets a stream up on it. The one before must have ended. Rejects as `openTrickleSession` throws. */
  open(options: HostedStreamOptions): Promise<StreamSession>;
}

/** Options of a {@linkcode LocalHost}. */
export interface LocalHostOptions {
  readonly processor: FrameProcessor;
  readonly openSession: (options: TrickleSessionOptions) => StreamSession;
  /** ffmpeg children that wait for streams; the host does not own them. @default none */
  readonly warmCodecs?: WarmCodecs | undefined;
  /** Says that the server stops. */
  readonly signal: AbortSignal;
}

/** How long a processor may take to give back what it holds, the end of its initialization included. */
const DISPOSE_TIMEOUT_MS = 3_000;

/** A processor in this thread: initialized in the background, disposed of at the end. */
export class LocalHost implements StreamHost {
  readonly settled: Promise<void>;
  /** It lives as long as this thread does. */
  readonly lost: Promise<void> = new Promise(() => {});
  readonly #options: LocalHostOptions;
  #state: HostState = { kind: "loading" };
  #stream: StreamSession | undefined;
  #droppedMessages = 0;

  /** Begins to initialize the processor. */
  constructor(options: LocalHostOptions) {
    this.#options = options;
    this.settled = this.#initialize({
      params: {},
      log: roomLogger("processor"),
      signal: options.signal,
      sendData: (text) => this.#streamFor("data")?.sendData(text),
      sendEvent: (event, type) => this.#streamFor("event")?.sendEvent(event, type),
      // Before a stream there is nobody to show it to.
      reportProgress: (progress, message) =>
        this.#stream?.setLoading({ progress, ...(message === undefined ? {} : { message }) }),
    });
  }

  /** How far initialization is. */
  get state(): HostState {
    return this.#state;
  }

  /** What its streams take as parameters, where the processor declares that. */
  get paramsSchema(): JsonSchema | undefined {
    return paramsJsonSchema(this.#options.processor.paramsSchema);
  }

  /** Data and events that the processor sent while it had no stream. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  /** Sets a stream up; one that is opened while the processor loads waits for it. */
  open(options: HostedStreamOptions): Promise<StreamSession> {
    return Promise.try(() => {
      const { processor, openSession, warmCodecs } = this.#options;
      const processorReady = this.#ready();
      processorReady.catch(() => {}); // the session's to throw
      const stream = openSession({ ...options, processor, processorReady, warmCodecs });
      this.#stream = stream;
      void stream.ended.then(() => {
        if (this.#stream === stream) this.#stream = undefined;
      });
      return stream;
    });
  }

  /** Has the processor give back what it holds; one that hangs or fails is logged and left. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await withTimeout(this.#dispose(), DISPOSE_TIMEOUT_MS);
    } catch (error) {
      const reason = describeError(error);
      log.warn("The processor did not give back what it holds: {reason}", { reason });
    }
  }

  async #dispose(): Promise<void> {
    await this.settled;
    // A user's processor may extend another version of the class.
    await callUserCode(() => this.#options.processor[Symbol.asyncDispose]?.());
  }

  async #ready(): Promise<void> {
    await this.settled;
    if (this.#state.kind === "failed") {
      throw new Error(`The processor could not be initialized: ${this.#state.reason}`);
    }
  }

  #streamFor(what: "data" | "event"): StreamSession | undefined {
    if (this.#stream !== undefined) return this.#stream;
    this.#droppedMessages++;
    if (this.#droppedMessages === 1) {
      log.warn("The processor sent {what}, and there is no stream to take it: dropped", { what });
    }
    return undefined;
  }

  async #initialize(context: ProcessorContext): Promise<void> {
    const startedMs = performance.now();
    try {
      await callUserCode(() => this.#options.processor.initialize(context));
      this.#state = { kind: "ready" };
      const ms = Math.round(performance.now() - startedMs);
      const { processor } = this.#options;
      const manner = processor.readOnly
        ? ", and only looks: H.264 and HEVC go on as they come"
        : "";
      log.info("The processor is ready after {ms} ms" + manner, { ms });
      if (!this.#options.signal.aborted) this.#options.warmCodecs?.expect(this.#options.processor);
    } catch (error) {
      const reason = describeError(error);
      this.#state = { kind: "failed", reason };
      log.error("The processor could not be initialized: {reason}", { reason });
    }
  }
}

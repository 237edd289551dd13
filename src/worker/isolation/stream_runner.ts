/**
 * What runs in the thread or process of a stream: a processor, and one session after another on it.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { configure, type LogLevel, type LogRecord } from "@logtape/logtape";
import { describeError, roomLogger } from "../../base/mod.ts";
import { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import { importProcessor } from "../../processor/mod.ts";
import {
  type LoadingUpdate,
  openTrickleSession,
  type ProcessActivity,
  runningFfmpegPids,
  type StreamParams,
  takeWantedPids,
  tellActivities,
  WarmCodecs,
} from "../../session/mod.ts";
import type { StreamSession } from "../stream.ts";
import { paramsOrThrow } from "../stream_params.ts";
import { LocalHost } from "../hosts/stream_host.ts";
import type {
  Initialized,
  InitializeOptions,
  IsolatedStreamOptions,
  PlainFrame,
  PlainLogRecord,
  StreamCalls,
  StreamSnapshot,
  WorkerCalls,
} from "./calls.ts";
import { type Conversation, converse } from "./conversation.ts";
import { copiable, toPlainEvent } from "./plain.ts";
import type { RelayAddress } from "./relay.ts";
import { RelayTransport } from "./relay_transport.ts";

const log = roomLogger("worker");

/** How often the worker hears of a stream; it takes a long silence for a hang. */
const FIGURES_INTERVAL_MS = 250;

/** A record without what cannot be copied. */
function toPlainRecord({ category, level, rawMessage, properties }: LogRecord): PlainLogRecord {
  const plain = Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      value instanceof Error || typeof value === "function" ? describeError(value) : value,
    ]),
  );
  const text = typeof rawMessage === "string" ? rawMessage : rawMessage.join("");
  return { category, level, rawMessage: text, properties: plain };
}

/** Runs one session after another on a host of its own, as it is told. */
export class StreamRunner implements StreamCalls {
  readonly #conversation: Conversation<WorkerCalls>;
  readonly #stop = new AbortController();
  readonly #hosted = Promise.withResolvers<LocalHost>();
  #host: LocalHost | undefined;
  #warmCodecs: WarmCodecs | undefined;
  #session: StreamSession | undefined;
  #relay: RelayAddress | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Messages of the processor without a stream that the worker has heard of. */
  #toldDropped = 0;

  /** `post` sends a message to the worker; it throws for what cannot be copied. */
  constructor(post: (message: unknown) => void) {
    this.#hosted.promise.catch(() => {}); // `initialize` rejects with it, too
    this.#conversation = converse<WorkerCalls, StreamCalls>(this, {
      post: (message) => {
        try {
          post(message);
        } catch {
          post(copiable(message));
        }
      },
    });
  }

  /** Takes a message of the worker. A rejection is a crash. */
  async take(message: unknown): Promise<void> {
    await this.#conversation.take(message);
  }

  /** Imports and initializes the processor. */
  async initialize(options: InitializeOptions): Promise<Initialized> {
    await configure({
      // What is logged in the course of a stream carries its id.
      contextLocalStorage: new AsyncLocalStorage(),
      sinks: { worker: (record) => this.#tell("takeLog", toPlainRecord(record)) },
      loggers: [
        { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["worker"] },
        { category: [], lowestLevel: options.logLevel as LogLevel, sinks: ["worker"] },
      ],
    });
    this.#relay = options.relay;
    const host = await this.#createHost(options);
    this.#hosted.resolve(host);
    this.#timer = setInterval(() => this.#tellFigures(), FIGURES_INTERVAL_MS);
    await host.settled;
    if (host.state.kind === "failed") throw new Error(host.state.reason);
    return { paramsSchema: host.paramsSchema };
  }

  /** Sets a session up on it. */
  async open(
    options: IsolatedStreamOptions,
    trace: Readonly<Record<string, string>>,
  ): Promise<void> {
    const parent = propagation.extract(ROOT_CONTEXT, trace);
    const session = await context.with(parent, () => this.#open(options));
    this.#session = session;
    this.#tellFigures();
    void session.ended.then(() => {
      if (this.#session === session) this.#session = undefined;
    });
  }

  start(): void {
    this.#session?.start();
  }

  async updateParams(params: StreamParams): Promise<void> {
    await this.#session?.updateParams(params);
    this.#tellFigures();
  }

  sendData(text: string): void {
    this.#session?.sendData(text);
  }

  sendEvent(event: unknown, name: string): void {
    this.#session?.sendEvent(event, name);
  }

  setLoading(update: LoadingUpdate): void {
    this.#session?.setLoading(update);
  }

  async sendFrame(plain: PlainFrame): Promise<boolean> {
    if (this.#session === undefined) return false;
    if (plain.kind === "audio") return await this.#session.sendFrame(new AudioFrame(plain));
    using frame = new VideoFrame(plain);
    return await this.#session.sendFrame(frame);
  }

  async stop(): Promise<void> {
    await this.#session?.stop();
  }

  tellActivities(activities: ReadonlyMap<number, ProcessActivity>): void {
    tellActivities(activities);
  }

  /** Gives everything back. */
  async dispose(): Promise<void> {
    this.#stop.abort();
    await this.#session?.stop();
    await this.#host?.[Symbol.asyncDispose]();
    await this.#warmCodecs?.[Symbol.asyncDispose]();
    clearInterval(this.#timer);
    this.#tellFigures();
  }

  async #createHost({ processor: module, warmCodecs }: InitializeOptions): Promise<LocalHost> {
    try {
      const processor = await importProcessor(module);
      const { signal } = this.#stop;
      if (warmCodecs !== undefined) this.#warmCodecs = new WarmCodecs(warmCodecs);
      const shared = { openSession: openTrickleSession, warmCodecs: this.#warmCodecs, signal };
      return this.#host = new LocalHost({ processor, ...shared });
    } catch (error) {
      log.error("The processor could not be imported: {reason}", { reason: describeError(error) });
      this.#hosted.reject(error);
      throw error;
    }
  }

  async #open(options: IsolatedStreamOptions): Promise<StreamSession> {
    const host = await this.#hosted.promise;
    const relay = this.#relay;
    return await host.open({
      ...options,
      ...(relay === undefined
        ? {}
        : { createTransport: (wanted) => new RelayTransport(relay, wanted) }),
      parseControl: paramsOrThrow,
      onEvent: (event) => {
        // The last figures come before the end: whoever waits for that may ask for them.
        if (event.type === "ended") this.#tellFigures();
        this.#tell("takeEvent", toPlainEvent(event));
      },
    });
  }

  #tellFigures(): void {
    const { droppedMessages = 0 } = this.#host ?? {};
    const stream = this.#session === undefined ? undefined : snapshotOf(this.#session);
    if (stream === undefined && droppedMessages === this.#toldDropped) return;
    this.#toldDropped = droppedMessages;
    this.#tell("takeFigures", { droppedMessages, stream });
  }

  /** Without a worker that listens this is about to end. */
  #tell<Name extends keyof WorkerCalls>(name: Name, ...args: Parameters<WorkerCalls[Name]>): void {
    this.#conversation.remote.$call(name, ...args).catch(() => {});
  }
}

function snapshotOf(session: StreamSession): StreamSnapshot {
  const { params, processorHangs } = session;
  return {
    params,
    processorHangs,
    metrics: session.metrics(),
    details: session.details(),
    ffmpegPids: runningFfmpegPids(),
    wantedPids: takeWantedPids(),
  };
}

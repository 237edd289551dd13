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
  openTrickleSession,
  runningFfmpegPids,
  takeWantedPids,
  tellActivities,
  WarmCodecs,
} from "../../session/mod.ts";
import type { StreamSession } from "../stream.ts";
import { paramsOrThrow } from "../stream_params.ts";
import { LocalHost } from "../hosts/stream_host.ts";
import {
  type FromStream,
  type IsolatedCall,
  type IsolatedStreamOptions,
  type PlainFrame,
  type PlainLogRecord,
  type StreamSnapshot,
  toPlainError,
  toPlainEvent,
  type ToStream,
  withPlainValues,
} from "./messages.ts";
import type { RelayAddress } from "./relay.ts";
import { RelayTransport } from "./relay_transport.ts";

const log = roomLogger("worker");

/** How often the server hears of a stream; it takes a long silence for a hang. */
const SNAPSHOT_INTERVAL_MS = 250;

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
export class StreamRunner {
  readonly #post: (message: FromStream) => void;
  readonly #stop = new AbortController();
  readonly #hosted = Promise.withResolvers<LocalHost>();
  #host: LocalHost | undefined;
  #warmCodecs: WarmCodecs | undefined;
  #session: StreamSession | undefined;
  #relay: RelayAddress | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Messages of the processor without a stream that the server has heard of. */
  #toldDropped = 0;

  /** `post` takes what the server should hear; it throws for what cannot be copied. */
  constructor(post: (message: FromStream) => void) {
    this.#post = (message) => {
      try {
        post(message);
      } catch {
        post(withPlainValues(message));
      }
    };
    this.#hosted.promise.catch(() => {}); // said with `initialize-failed`, too
  }

  /** Does what the server says. A rejection is a crash. */
  async take(message: ToStream): Promise<void> {
    switch (message.type) {
      case "initialize":
        return await this.#initialize(message);
      case "call":
        return await this.#answer(message.id, message.call);
      case "start":
        return this.#session?.start();
      case "activities":
        return tellActivities(message.activities);
      case "send-data":
        return this.#session?.sendData(message.text);
      case "send-event":
        return this.#session?.sendEvent(message.event, message.name);
      case "set-loading":
        return this.#session?.setLoading(message.update);
      case "dispose":
        return await this.#dispose();
    }
  }

  async #sendFrame(plain: PlainFrame): Promise<boolean> {
    if (this.#session === undefined) return false;
    if (plain.kind === "audio") return await this.#session.sendFrame(new AudioFrame(plain));
    using frame = new VideoFrame(plain);
    return await this.#session.sendFrame(frame);
  }

  async #initialize(message: Extract<ToStream, { type: "initialize" }>): Promise<void> {
    await configure({
      // What is logged in the course of a stream carries its id.
      contextLocalStorage: new AsyncLocalStorage(),
      sinks: { server: (record) => this.#postLog(record) },
      loggers: [
        { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["server"] },
        { category: [], lowestLevel: message.logLevel as LogLevel, sinks: ["server"] },
      ],
    });
    this.#relay = message.relay;
    try {
      const processor = await importProcessor(message.processor);
      const { signal } = this.#stop;
      if (message.warmCodecs !== undefined) this.#warmCodecs = new WarmCodecs(message.warmCodecs);
      this.#host = new LocalHost({
        processor,
        openSession: openTrickleSession,
        warmCodecs: this.#warmCodecs,
        signal,
      });
    } catch (error) {
      const reason = describeError(error);
      log.error("The processor could not be imported: {reason}", { reason });
      this.#hosted.reject(error);
      return this.#post({ type: "initialize-failed", reason });
    }
    this.#hosted.resolve(this.#host);
    this.#timer = setInterval(() => this.#snapshot(), SNAPSHOT_INTERVAL_MS);
    await this.#host.settled;
    const { state, paramsSchema } = this.#host;
    this.#post(
      state.kind === "failed"
        ? { type: "initialize-failed", reason: state.reason }
        : { type: "initialized", ...(paramsSchema === undefined ? {} : { paramsSchema }) },
    );
  }

  async #answer(id: number, call: IsolatedCall): Promise<void> {
    try {
      const isTaken = await this.#run(call);
      this.#post({ type: "answer", id, isTaken });
    } catch (error) {
      this.#post({ type: "answer", id, error: toPlainError(error) });
    }
  }

  /** Resolves to false for what the session takes no more. */
  async #run(call: IsolatedCall): Promise<boolean> {
    switch (call.method) {
      case "open": {
        const session = await context.with(
          propagation.extract(ROOT_CONTEXT, call.trace),
          () => this.#open(call.options),
        );
        this.#session = session;
        this.#snapshot();
        void session.ended.then(() => {
          if (this.#session === session) this.#session = undefined;
        });
        return true;
      }
      case "updateParams":
        await this.#session?.updateParams(call.params);
        this.#snapshot();
        return true;
      case "sendFrame":
        return await this.#sendFrame(call.frame);
      case "stop":
        await this.#session?.stop();
        return true;
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
        if (event.type === "ended") this.#snapshot();
        this.#post({ type: "event", event: toPlainEvent(event) });
      },
    });
  }

  #snapshot(): void {
    const { droppedMessages = 0 } = this.#host ?? {};
    const stream = this.#session === undefined ? undefined : snapshotOf(this.#session);
    if (stream === undefined && droppedMessages === this.#toldDropped) return;
    this.#toldDropped = droppedMessages;
    this.#post({ type: "snapshot", droppedMessages, ...(stream === undefined ? {} : { stream }) });
  }

  async #dispose(): Promise<void> {
    this.#stop.abort();
    await this.#session?.stop();
    await this.#host?.[Symbol.asyncDispose]();
    await this.#warmCodecs?.[Symbol.asyncDispose]();
    clearInterval(this.#timer);
    this.#snapshot();
    this.#post({ type: "disposed" });
  }

  #postLog(record: LogRecord): void {
    this.#post({ type: "log", record: toPlainRecord(record) });
  }
}

function snapshotOf(session: StreamSession): StreamSnapshot {
  const { state, params, processorHangs } = session;
  return {
    state,
    params,
    processorHangs,
    metrics: session.metrics(),
    details: session.details(),
    ffmpegPids: runningFfmpegPids(),
    wantedPids: takeWantedPids(),
  };
}

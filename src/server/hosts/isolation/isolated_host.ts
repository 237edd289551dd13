/**
 * A processor in a thread or process of its own.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Clock, isDoneWithin, ProcessorError, roomLogger } from "../../../base/mod.ts";
import {
  activityOf,
  endFfmpeg,
  ffmpegBelow,
  type ProcessActivity,
  processTree,
  type WarmCodecsOptions,
} from "../../../session/mod.ts";
import type { StreamSession } from "../../active_stream.ts";
import type { JsonSchema } from "../../openapi/json_schema.ts";
import type { HostedStreamOptions, HostState, StreamHost } from "../stream_host.ts";
import {
  fromPlainError,
  type FromStream,
  type IsolatedCall,
  type PlainLogRecord,
  type ProcessorModule,
  type ToStream,
} from "./messages.ts";
import { type Link, type LinkHandlers, startThread } from "./link.ts";
import { IsolatedSession } from "./isolated_session.ts";
import { startProcess } from "./process_link.ts";
import { Relay } from "./relay.ts";

const log = roomLogger("server");

/** How long it may take to give back what it holds. */
const DISPOSE_TIMEOUT_MS = 3_000;

/** A session closes its channels in 3 s. */
const CHANNELS_CLOSE_MS = 5_000;

/** Where a stream runs apart from the others. */
export type IsolationKind = "thread" | "process";

/** Options of an {@linkcode IsolatedHost}. */
export interface IsolatedHostOptions {
  readonly processor: ProcessorModule;
  readonly kind: IsolationKind;
  /** What says nothing of its stream for so long is ended. */
  readonly silenceMs: number;
  /** ffmpeg children that wait there for its next stream. @default none */
  readonly warmCodecs?: WarmCodecsOptions | undefined;
  /** Memory that it may have, in MiB: of a thread the heap alone. */
  readonly memoryMb: number;
  /** Hears when it ends without being asked to. */
  readonly onCrash?: ((fault: IsolationFault) => void) | undefined;
  /** The time of what it waits for. */
  readonly clock: Clock;
}

/**
 * How a thread or process ended without being asked to: by itself, or because it did not answer. A thread
 * that does not answer cannot be ended.
 */
export type IsolationFault = "crashed" | "hung";

/**
 * Runs streams in a thread or process with an event loop, a device and a memory of its own: a processor
 * that hangs, even in a loop that never yields, or crashes, takes nothing with it but its stream.
 */
export class IsolatedHost implements StreamHost {
  readonly settled: Promise<void>;
  readonly lost: Promise<void>;
  readonly #options: IsolatedHostOptions;
  readonly #link: Link;
  readonly #relay: Relay | undefined;
  readonly #settled = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<void>();
  readonly #disposed = Promise.withResolvers<void>();
  readonly #calls = new Map<number, PromiseWithResolvers<boolean>>();
  #state: HostState = { kind: "loading" };
  #paramsSchema: JsonSchema | undefined;
  #droppedMessages = 0;
  #session: IsolatedSession | undefined;
  #ending: Promise<void> | undefined;
  #nextCall = 0;
  #cancelClose: () => void = () => {};
  #isOver = false;

  /** Starts the thread or process, which begins to initialize its processor. */
  constructor(options: IsolatedHostOptions) {
    this.#options = options;
    this.settled = this.#settled.promise;
    this.lost = this.#lost.promise;
    const { kind } = options;
    const { module, options: forModule } = options.processor;
    this.#relay = kind === "process" ? new Relay() : undefined;
    try {
      this.#link = this.#startLink({
        onMessage: (message) => this.#take(message),
        onCrash: (reason) => this.#fail(`The ${kind} of a processor crashed: ${reason}`, "crashed"),
      });
    } catch (error) {
      void this.#relay?.[Symbol.asyncDispose]();
      throw error;
    }
    this.#post({
      type: "initialize",
      processor: {
        module: String(module),
        ...(forModule === undefined ? {} : { options: forModule }),
      },
      ...(options.warmCodecs === undefined ? {} : { warmCodecs: options.warmCodecs }),
      logLevel: getLogger(["runnel"]).isEnabledFor("debug") ? "debug" : "info",
      ...(this.#relay === undefined ? {} : { relay: this.#relay.address }),
    });
  }

  /** How far initialization is. */
  get state(): HostState {
    return this.#state;
  }

  /** What its streams take as parameters, where the processor declares that. */
  get paramsSchema(): JsonSchema | undefined {
    return this.#paramsSchema;
  }

  /** Data and events that the processor sent while it had no stream, a quarter of a second ago. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  /**
   * Sets a stream up there; one that is opened while the processor loads waits for it. Rejects with the
   * `ConfigError` of parameters that it refuses.
   */
  async open(options: HostedStreamOptions): Promise<StreamSession> {
    if (this.#state.kind === "failed") throw new Error(this.#state.reason);
    const session = new IsolatedSession({
      options,
      post: (message) => this.#post(message),
      call: (call) => this.#call(call),
      terminate: (reason) => this.#fail(reason, "hung"),
      isLoading: () => this.#state.kind === "loading",
      silenceMs: this.#options.silenceMs,
      clock: this.#options.clock,
    });
    this.#session = session;
    const { subscribeUrl, publishUrl, controlUrl, eventsUrl, dataUrl, tls, urlRules } = options;
    const urls = [subscribeUrl, publishUrl, controlUrl, eventsUrl, dataUrl];
    this.#relay?.open({ urls, tls, urlRules });
    void session.ended.then(() => {
      if (this.#isOver || this.#relay === undefined) return;
      // What is last to say is said after that.
      this.#cancelClose = this.#options.clock.schedule(CHANNELS_CLOSE_MS, () => {
        if (this.#session === session) this.#relay?.close();
      });
    });
    try {
      await session.open();
    } catch (error) {
      // There is no stream: nothing is to be said of it when this ends.
      if (this.#session === session) this.#session = undefined;
      this.#relay?.close();
      throw error;
    }
    return session;
  }

  /** Has it give back what it holds, and ends it. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#dispose();
    await this.#ending;
  }

  #startLink(handlers: LinkHandlers): Link {
    const { processor, memoryMb } = this.#options;
    if (this.#relay === undefined) return startThread(handlers, memoryMb);
    return startProcess({
      ...handlers,
      memoryMb,
      modules: [String(processor.module), ...processor.imports ?? []],
      permissions: processor.permissions ?? {},
      relay: this.#relay.host,
    });
  }

  #take(data: FromStream): void {
    switch (data.type) {
      case "initialized":
        this.#state = { kind: "ready" };
        this.#paramsSchema = data.paramsSchema;
        return this.#settled.resolve();
      case "initialize-failed":
        this.#state = { kind: "failed", reason: data.reason };
        return this.#settled.resolve();
      case "answer":
        return this.#settleCall(
          data.id,
          data.error === undefined ? data.isTaken !== false : fromPlainError(data.error),
        );
      case "event":
        return this.#session?.takeEvent(data.event);
      case "snapshot":
        this.#droppedMessages = data.droppedMessages;
        if (data.stream !== undefined) {
          this.#session?.takeSnapshot(data.stream);
          this.#tellActivities(data.stream.wantedPids);
        }
        return;
      case "log":
        return passOn(data.record);
      case "disposed":
        return this.#disposed.resolve();
    }
  }

  /** Looks at processes for one that may not look itself; only at those below it. */
  #tellActivities(pids: readonly number[]): void {
    const { pid } = this.#link;
    if (pid === undefined || pids.length === 0) return;
    const below = new Set(processTree(pid));
    const activities = new Map<number, ProcessActivity>();
    for (const wanted of pids) {
      const activity = below.has(wanted) ? activityOf(wanted) : undefined;
      if (activity !== undefined) activities.set(wanted, activity);
    }
    if (activities.size > 0) this.#post({ type: "activities", activities });
  }

  async #dispose(): Promise<void> {
    this.#post({ type: "dispose" });
    const { kind, clock } = this.#options;
    if (!await isDoneWithin(clock, this.#disposed.promise, DISPOSE_TIMEOUT_MS)) {
      log.warn("The {kind} of a processor did not end by itself: it is ended", { kind });
    }
    await this.#end(new ProcessorError("PROCESSOR_FRAME", "What the stream runs in has ended"));
  }

  #fail(reason: string, fault: IsolationFault): void {
    if (this.#isOver) return;
    this.#options.onCrash?.(fault);
    log.error("{reason}", { reason });
    const error = new ProcessorError("PROCESSOR_FRAME", reason);
    const wasReady = this.#state.kind === "ready";
    this.#state = { kind: "failed", reason };
    this.#settled.resolve();
    if (wasReady) this.#lost.resolve();
    // A thread that never yields keeps its children; those of one that ended are gone. A process names none.
    if (this.#options.kind === "thread") {
      const named = new Set(this.#session?.ffmpegPids);
      for (const child of ffmpegBelow(Deno.pid)) if (named.has(child.pid)) endFfmpeg(child);
    }
    this.#ending = this.#end(error);
  }

  async #end(error: ProcessorError): Promise<void> {
    this.#isOver = true;
    this.#session?.crashed(error);
    for (const id of [...this.#calls.keys()]) this.#settleCall(id, error);
    this.#disposed.resolve();
    this.#cancelClose();
    await this.#link.terminate();
    await this.#relay?.[Symbol.asyncDispose]();
  }

  /** Resolves to whether the session took it. */
  #call(call: IsolatedCall): Promise<boolean> {
    if (this.#isOver) {
      const { kind } = this.#options;
      return Promise.reject(new Error(`Cannot ask the ${kind} of a processor: it has ended`));
    }
    const id = this.#nextCall++;
    this.#post({ type: "call", id, call });
    const answer = Promise.withResolvers<boolean>();
    this.#calls.set(id, answer);
    return answer.promise;
  }

  #settleCall(id: number, outcome: boolean | Error): void {
    const answer = this.#calls.get(id);
    this.#calls.delete(id);
    if (typeof outcome === "boolean") answer?.resolve(outcome);
    else answer?.reject(outcome);
  }

  #post(message: ToStream): void {
    if (!this.#isOver) this.#link.post(message);
  }
}

/** Writes a record to this thread's log. */
function passOn({ category, level, rawMessage, properties }: PlainLogRecord): void {
  const logger = getLogger(category);
  switch (level) {
    case "trace":
    case "debug":
      return logger.debug(rawMessage, { ...properties });
    case "info":
      return logger.info(rawMessage, { ...properties });
    case "warning":
      return logger.warn(rawMessage, { ...properties });
    default:
      return logger.error(rawMessage, { ...properties });
  }
}

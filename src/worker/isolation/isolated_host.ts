/**
 * A processor in a thread or process of its own.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import {
  type Clock,
  describeError,
  isDoneWithin,
  ProcessorError,
  roomLogger,
} from "../../base/mod.ts";
import {
  activityOf,
  endFfmpeg,
  ffmpegBelow,
  type ProcessActivity,
  processTree,
  type WarmCodecsOptions,
} from "../../session/mod.ts";
import type { StreamSession } from "../stream.ts";
import type { JsonSchema } from "../json_schema.ts";
import type { HostedStreamOptions, HostState, StreamHost } from "../hosts/stream_host.ts";
import type { IsolationKind, ProcessorModule } from "../worker_options.ts";
import type { IsolatedFigures, PlainLogRecord, StreamCalls, WorkerCalls } from "./calls.ts";
import { type Conversation, converse } from "./conversation.ts";
import { type Link, type LinkHandlers, startThread } from "./link.ts";
import { IsolatedSession } from "./isolated_session.ts";
import { startProcess } from "./process/process_link.ts";
import { Relay } from "./relay.ts";

const log = roomLogger("worker");

/** How long it may take to give back what it holds. */
const DISPOSE_TIMEOUT_MS = 3_000;

/** A session closes its channels in 3 s. */
const CHANNELS_CLOSE_MS = 5_000;

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
  readonly #conversation: Conversation<StreamCalls>;
  #state: HostState = { kind: "loading" };
  #paramsSchema: JsonSchema | undefined;
  #droppedMessages = 0;
  #session: IsolatedSession | undefined;
  #ending: Promise<void> | undefined;
  #cancelClose: () => void = () => {};
  #isOver = false;

  /** Starts the thread or process, which begins to initialize its processor. */
  constructor(options: IsolatedHostOptions) {
    this.#options = options;
    this.settled = this.#settled.promise;
    this.lost = this.#lost.promise;
    const { kind } = options;
    const crash = (reason: string): void =>
      this.#fail(`The ${kind} of a processor crashed: ${reason}`, "crashed");
    const refuse = (error: unknown): void =>
      crash(`what it said cannot be used: ${describeError(error)}`);
    this.#conversation = converse<StreamCalls, WorkerCalls>({
      takeEvent: (event) => this.#session?.takeEvent(event),
      takeFigures: (figures) => this.#takeFigures(figures),
      takeLog: passOn,
    }, { post: (message) => this.#link.post(message), onError: refuse });
    this.#relay = kind === "process" ? new Relay() : undefined;
    try {
      this.#link = this.#startLink({
        onMessage: (message) => void this.#conversation.take(message).catch(refuse),
        onCrash: crash,
      });
    } catch (error) {
      void this.#relay?.[Symbol.asyncDispose]();
      throw error;
    }
    void this.#initialize();
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
      remote: this.#conversation.remote,
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

  async #initialize(): Promise<void> {
    const { module, options } = this.#options.processor;
    try {
      const { paramsSchema } = await this.#conversation.remote.initialize({
        processor: { module: String(module), ...(options === undefined ? {} : { options }) },
        warmCodecs: this.#options.warmCodecs,
        logLevel: getLogger(["runnel"]).isEnabledFor("debug") ? "debug" : "info",
        relay: this.#relay?.address,
      });
      this.#paramsSchema = paramsSchema;
      this.#state = { kind: "ready" };
    } catch (error) {
      if (this.#isOver) return; // the reason was said
      this.#state = { kind: "failed", reason: describeError(error) };
    }
    this.#settled.resolve();
  }

  #takeFigures({ droppedMessages, stream }: IsolatedFigures): void {
    this.#droppedMessages = droppedMessages;
    if (stream === undefined) return;
    this.#session?.takeSnapshot(stream);
    this.#tellActivities(stream.wantedPids);
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
    if (activities.size === 0) return;
    this.#conversation.remote.tellActivities(activities).catch(() => {}); // it has ended
  }

  async #dispose(): Promise<void> {
    const { kind, clock } = this.#options;
    const disposed = this.#conversation.remote.dispose();
    if (!await isDoneWithin(clock, disposed, DISPOSE_TIMEOUT_MS)) {
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
    this.#conversation.close(error);
    this.#cancelClose();
    await this.#link.terminate();
    await this.#relay?.[Symbol.asyncDispose]();
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

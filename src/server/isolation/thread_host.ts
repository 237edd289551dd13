/**
 * A processor in a thread of its own.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { deadline } from "@std/async/deadline";
import { ProcessorError, roomLogger } from "../../base/mod.ts";
import type { StreamSession } from "../active_stream.ts";
import type { HostedStreamOptions, HostState, StreamHost } from "../stream_host.ts";
import {
  fromPlainError,
  type FromThread,
  type PlainLogRecord,
  type ProcessorModule,
  type ThreadCall,
  type ToThread,
} from "./messages.ts";
import { ThreadSession } from "./thread_session.ts";

const log = roomLogger("server");

/** How long a thread may take to give back what it holds. */
const DISPOSE_TIMEOUT_MS = 3_000;

/** Options of a {@linkcode ThreadHost}. */
export interface ThreadHostOptions {
  readonly processor: ProcessorModule;
  /** A thread that says nothing of its stream for so long is ended. */
  readonly silenceMs: number;
}

/**
 * Runs streams in a thread with an event loop, a device and a memory of its own: a processor that hangs,
 * even in a loop that never yields, or crashes, takes nothing with it but its stream.
 */
export class ThreadHost implements StreamHost {
  readonly settled: Promise<void>;
  readonly #options: ThreadHostOptions;
  readonly #worker: Worker;
  readonly #settled = Promise.withResolvers<void>();
  readonly #disposed = Promise.withResolvers<void>();
  readonly #calls = new Map<number, PromiseWithResolvers<void>>();
  #state: HostState = { kind: "loading" };
  #session: ThreadSession | undefined;
  #nextCall = 0;
  #isOver = false;

  /** Starts the thread, which begins to initialize its processor. */
  constructor(options: ThreadHostOptions) {
    this.#options = options;
    this.settled = this.#settled.promise;
    this.#worker = new Worker(import.meta.resolve("./thread_main.ts"), {
      type: "module",
      name: "runnel-stream",
    });
    this.#worker.addEventListener("message", this.#onMessage);
    this.#worker.addEventListener("error", this.#onError);
    const { module, options: forModule } = options.processor;
    this.#post({
      type: "initialize",
      processor: {
        module: String(module),
        ...(forModule === undefined ? {} : { options: forModule }),
      },
      logLevel: getLogger(["runnel"]).isEnabledFor("debug") ? "debug" : "info",
    });
  }

  /** How far initialization is. */
  get state(): HostState {
    return this.#state;
  }

  /** Sets a stream up in the thread. Rejects with the `ConfigError` of parameters that it refuses. */
  async open(options: HostedStreamOptions): Promise<StreamSession> {
    await this.settled;
    if (this.#state.kind === "failed") throw new Error(this.#state.reason);
    const session = new ThreadSession({
      options,
      post: (message) => this.#post(message),
      call: (call) => this.#call(call),
      terminate: (reason) => this.#fail(reason),
      silenceMs: this.#options.silenceMs,
    });
    this.#session = session;
    await session.open();
    return session;
  }

  /** Has the thread give back what it holds, and ends it. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#post({ type: "dispose" });
    try {
      await deadline(this.#disposed.promise, DISPOSE_TIMEOUT_MS);
    } catch {
      log.warn("The thread of a processor did not end by itself: it is ended");
    }
    this.#end();
  }

  readonly #onMessage = ({ data }: MessageEvent<FromThread>): void => {
    switch (data.type) {
      case "initialized":
        this.#state = { kind: "ready" };
        return this.#settled.resolve();
      case "initialize-failed":
        this.#state = { kind: "failed", reason: data.reason };
        log.error("The processor could not be initialized: {reason}", { reason: data.reason });
        return this.#settled.resolve();
      case "answer":
        return this.#settleCall(
          data.id,
          data.error === undefined ? undefined : fromPlainError(data.error),
        );
      case "event":
        return this.#session?.takeEvent(data.event);
      case "snapshot":
        return this.#session?.takeSnapshot(data);
      case "log":
        return passOn(data.record);
      case "disposed":
        return this.#disposed.resolve();
    }
  };

  /** What nobody caught in the thread: it is of no use any more. */
  readonly #onError = (event: ErrorEvent): void => {
    event.preventDefault();
    this.#fail(`The thread of the processor crashed: ${event.message}`);
  };

  #fail(reason: string): void {
    if (this.#isOver) return;
    log.error("{reason}", { reason });
    const error = new ProcessorError("PROCESSOR_FRAME", reason);
    if (this.#state.kind === "loading") this.#state = { kind: "failed", reason };
    this.#end();
    this.#settled.resolve();
    this.#session?.crashed(error);
    for (const id of this.#calls.keys()) this.#settleCall(id, error);
  }

  #end(): void {
    this.#isOver = true;
    this.#worker.removeEventListener("message", this.#onMessage);
    this.#worker.terminate();
    this.#disposed.resolve();
  }

  #call(call: ThreadCall): Promise<void> {
    const id = this.#nextCall++;
    const answer = Promise.withResolvers<void>();
    this.#calls.set(id, answer);
    this.#post({ type: "call", id, call });
    return answer.promise;
  }

  #settleCall(id: number, error?: Error): void {
    const answer = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) answer?.resolve();
    else answer?.reject(error);
  }

  #post(message: ToThread): void {
    if (!this.#isOver) this.#worker.postMessage(message);
  }
}

/** Writes a record of the thread to this thread's log. */
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

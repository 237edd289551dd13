/**
 * The processor of a server: initialized once, in the background, before the first stream.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { describeError, roomLogger } from "../base/mod.ts";
import type { FrameProcessor, ProcessorContext } from "../processor/mod.ts";
import type { LoadingUpdate } from "../session/mod.ts";
import type { PipelineState } from "./pipeline_status.ts";

const log = roomLogger("server");

/** Where a processor's data and progress go. */
export interface DataOutput {
  sendData(text: string): void;
  setLoading(update: LoadingUpdate): void;
}

/** How long a processor may take to give back what it holds, the end of its initialization included. */
const DISPOSE_TIMEOUT_MS = 3_000;

/** Owns the initialization of one processor, and its end. */
export class ProcessorHost implements AsyncDisposable {
  readonly processor: FrameProcessor;
  /** Resolves when initialization is over, one way or the other. */
  readonly settled: Promise<void>;
  #state: PipelineState = { kind: "loading" };
  #stream: DataOutput | undefined;
  #droppedMessages = 0;

  /** Begins to initialize the processor; the signal says that the server stops. */
  constructor(processor: FrameProcessor, signal: AbortSignal) {
    this.processor = processor;
    this.settled = this.#initialize({
      params: {},
      log: roomLogger("processor"),
      signal,
      sendData: (text) => this.#sendData(text),
      sendEvent: () => this.#dropMessage(),
      reportProgress: (progress, message) =>
        this.#stream?.setLoading({ progress, ...(message === undefined ? {} : { message }) }),
    });
  }

  /** How far initialization is. */
  get state(): PipelineState {
    return this.#state;
  }

  /** Data and events that the processor sent while there was no channel to take them. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  /** The stream that data goes to from now on. */
  attach(stream: DataOutput): void {
    this.#stream = stream;
  }

  /** Ends {@linkcode attach}. */
  detach(stream: DataOutput): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  /** Has the processor give back what it holds; one that hangs or fails is logged and left. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await deadline(this.#dispose(), DISPOSE_TIMEOUT_MS);
    } catch (error) {
      const reason = describeError(error);
      log.warn("The processor did not give back what it holds: {reason}", { reason });
    }
  }

  async #dispose(): Promise<void> {
    await this.settled;
    // A user's processor may extend another version of the class.
    await this.processor[Symbol.asyncDispose]?.();
  }

  #sendData(text: string): void {
    if (this.#stream === undefined) this.#dropMessage();
    else this.#stream.sendData(text);
  }

  #dropMessage(): void {
    this.#droppedMessages++;
    if (this.#droppedMessages > 1) return;
    log.warn("The processor sent data or an event, and there is no channel for it: dropped");
  }

  async #initialize(context: ProcessorContext): Promise<void> {
    const startedMs = performance.now();
    try {
      await this.processor.initialize(context);
      this.#state = { kind: "ready" };
      const ms = Math.round(performance.now() - startedMs);
      log.info("The processor is ready after {ms} ms", { ms });
    } catch (error) {
      const reason = describeError(error);
      this.#state = { kind: "failed", reason };
      log.error("The processor could not be initialized: {reason}", { reason });
    }
  }
}

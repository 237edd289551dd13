/**
 * The processor of a server: initialized once, in the background, before the first stream.
 *
 * @module
 */

import { describeError, roomLogger } from "../base/mod.ts";
import type { FrameProcessor, ProcessorContext } from "../processor/mod.ts";
import type { PipelineState } from "./pipeline_status.ts";

const log = roomLogger("server");

/** Owns the initialization of one processor. */
export class ProcessorHost {
  readonly processor: FrameProcessor;
  /** Resolves when initialization is over, one way or the other. */
  readonly settled: Promise<void>;
  #state: PipelineState = { kind: "loading" };
  #droppedMessages = 0;

  /** Begins to initialize the processor; the signal says that the server stops. */
  constructor(processor: FrameProcessor, signal: AbortSignal) {
    this.processor = processor;
    this.settled = this.#initialize({
      params: {},
      log: roomLogger("processor"),
      signal,
      sendData: () => this.#dropMessage(),
      sendEvent: () => this.#dropMessage(),
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

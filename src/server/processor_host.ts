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

  /** Begins to initialize the processor. */
  constructor(processor: FrameProcessor, signal: AbortSignal) {
    this.processor = processor;
    this.settled = this.#initialize(signal);
  }

  /** How far initialization is. */
  get state(): PipelineState {
    return this.#state;
  }

  async #initialize(signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    try {
      await this.processor.initialize(createContext(signal));
      this.#state = { kind: "ready" };
      log.info("The processor is ready after {ms} ms", {
        ms: Math.round(performance.now() - startedMs),
      });
    } catch (error) {
      if (signal.aborted) return;
      this.#state = { kind: "failed", reason: describeError(error) };
      log.error("The processor could not be initialized: {reason}", {
        reason: describeError(error),
      });
    }
  }
}

/** Outside a stream there is nobody to send to. */
function createContext(signal: AbortSignal): ProcessorContext {
  return {
    params: {},
    log: roomLogger("processor"),
    signal,
    sendData: () => {},
    sendEvent: () => {},
  };
}

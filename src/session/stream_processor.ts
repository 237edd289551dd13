/**
 * The processor of one stream, from its start to its end.
 *
 * @module
 */

import type { ProcessorGuard } from "../processor/mod.ts";
import type { StreamParams } from "./types.ts";

/** A stop has ten seconds in all: what a processor may take of them to end its stream. */
const STOP_CALL_TIMEOUT_MS = 3_000;

/** Options of a {@linkcode StreamProcessor}. */
export interface StreamProcessorOptions {
  readonly guard: ProcessorGuard;
  /** The processor is initialized. */
  readonly initialized: Promise<void> | undefined;
  /** The parameters as they are now. */
  readonly params: () => StreamParams;
}

/** Tells a processor that its stream begins, changes and ends. */
export class StreamProcessor {
  /**
   * Resolves once it may have frames; to false when the stream is stopped before that: a processor that
   * hangs in `onStreamStart` must not hold a stop up. Rejects when it cannot begin.
   */
  readonly ready: Promise<boolean>;
  readonly #options: StreamProcessorOptions;
  readonly #ready = Promise.withResolvers<boolean>();
  readonly #givenUp = Promise.withResolvers<false>();
  readonly #hurried = Promise.withResolvers<void>();
  #isGivenUp = false;
  #isStarted = false;

  /** Calls nothing before {@linkcode start}. */
  constructor(options: StreamProcessorOptions) {
    this.#options = options;
    this.ready = this.#ready.promise;
  }

  /** Tells it that the stream begins, as soon as it is initialized. */
  start(): void {
    const starting = this.#start();
    starting.catch(() => {}); // thrown by `ready`, unless the stop came first
    this.#ready.resolve(Promise.race([starting, this.#givenUp.promise]));
  }

  /** The stream is to end: it gets no frames, unless it has some already. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#givenUp.resolve(false);
  }

  /** Somebody waits for the end: `onStreamStop`, also one that runs, gets 3 s from now on. Idempotent. */
  hurry(): void {
    this.#hurried.resolve();
  }

  /** Gives it changed parameters; before its start it needs none: it gets all of them then. */
  async update(changed: StreamParams): Promise<void> {
    if (this.#isStarted) await this.#options.guard.updateParams(changed);
  }

  /** Tells it that the stream has ended, if it was told of it. Rejects as the guard does. */
  async stop(): Promise<void> {
    if (!this.#isStarted) return;
    const { promise: when } = this.#hurried;
    await this.#options.guard.stopStream({ when, timeoutMs: STOP_CALL_TIMEOUT_MS });
  }

  async #start(): Promise<boolean> {
    const { guard, initialized, params } = this.#options;
    if (initialized !== undefined) await initialized;
    if (this.#isGivenUp) return false; // the processor may have another stream by now
    this.#isStarted = true;
    await guard.startStream(params());
    return true;
  }
}

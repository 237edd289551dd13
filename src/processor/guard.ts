/**
 * Calls a user's processor safely.
 *
 * @module
 */

import {
  callUserCode,
  type Clock,
  describeError,
  isDoneWithin,
  ProcessorError,
  type ProcessorErrorCode,
  systemClock,
} from "../base/mod.ts";
import { type AudioFrame, isAudioFrame, isVideoFrame, type VideoFrame } from "../frames/mod.ts";
import {
  type FrameProcessor,
  handlesAudio,
  handlesVideo,
  type ProcessorParams,
} from "./frame_processor.ts";

/** The smallest side of a frame that can be encoded: chroma is a sample for two pixels. */
const MIN_FRAME_SIDE = 2;

/** How long the end of a stream waits for an update that is under way. */
const UPDATE_GRACE_MS = 500;

/**
 * Stands between a stream and a user's processor: what it throws, returns or never returns becomes a
 * frame, null, or a {@linkcode ProcessorError}.
 */
export class ProcessorGuard {
  /** The processor that is guarded. */
  readonly processor: FrameProcessor;
  /** Whether audio goes through the processor. */
  readonly handlesAudio: boolean;
  /** Whether the processor handles pictures; if not, they are passed on unchanged. */
  readonly handlesVideo: boolean;
  /** Whether the processor declares that it changes nothing. */
  readonly isReadOnly: boolean;
  readonly #clock: Clock;
  /** Settles when the last update has really ended, which may be after it was given up. */
  #updates: Promise<void> = Promise.resolve();
  #isStopped = false;
  #hanging = 0;

  /** Guards a processor; the clock is that of its time-outs. */
  constructor(processor: FrameProcessor, clock: Clock = systemClock) {
    this.processor = processor;
    this.#clock = clock;
    this.handlesAudio = handlesAudio(processor);
    this.handlesVideo = handlesVideo(processor);
    // A user's processor may extend another version of the class.
    this.isReadOnly = processor.readOnly === true;
  }

  /** Calls that were given up and have not come back. */
  get hanging(): number {
    return this.#hanging;
  }

  /**
   * Runs the processor on a frame. Resolves to a usable frame, or null when it dropped it; of a processor
   * that only looks to the frame that it was given. Rejects with a `ProcessorError` of code
   * `PROCESSOR_FRAME` when it threw, `PROCESSOR_TIMEOUT` when it hung, or `PROCESSOR_RESULT` when it
   * returned something else. A frame whose call hung stays the processor's
   * until that call ends, and is closed then: its memory must not be reused before.
   */
  async processVideo(frame: VideoFrame): Promise<VideoFrame | null> {
    const result = await this.#call({
      what: "processVideo()",
      code: "PROCESSOR_FRAME",
      run: () => this.processor.processVideo(frame),
      onLate: (late) => {
        if (isVideoFrame(late)) late.close();
        frame.close();
      },
    });
    if (this.isReadOnly && result !== frame) {
      if (result === undefined) return frame;
      if (isVideoFrame(result)) result.close();
      throw changed("processVideo()", result);
    }
    if (result === null) return null;
    if (!isVideoFrame(result)) {
      throw badResult("processVideo()", result, "a VideoFrame, or null to drop the frame");
    }
    if (result.closed) {
      throw badResult("processVideo()", result, "a frame that was not closed");
    }
    if (result.width < MIN_FRAME_SIDE || result.height < MIN_FRAME_SIDE) {
      throw badResult("processVideo()", result, "a frame of 2x2 pixels or more");
    }
    return result;
  }

  /** Runs the processor on a piece of sound; see {@linkcode processVideo} for how it can fail. */
  async processAudio(frame: AudioFrame): Promise<readonly AudioFrame[]> {
    const result = await this.#call({
      what: "processAudio()",
      code: "PROCESSOR_FRAME",
      run: () => this.processor.processAudio(frame),
    });
    if (this.isReadOnly) {
      const only = Array.isArray(result) && result.length === 1 ? result[0] : result;
      if (only === frame || only === undefined) return [frame];
      throw changed("processAudio()", result);
    }
    if (result === null) return [];
    const frames: readonly unknown[] = Array.isArray(result) ? result : [result];
    if (!frames.every(isAudioFrame)) {
      throw badResult("processAudio()", result, "an AudioFrame, a list of them, or null");
    }
    return frames;
  }

  /**
   * Gives changed parameters to the processor, once updates that are still under way have ended, also
   * one that hangs. Rejects with a `ProcessorError` of code `PROCESSOR_PARAMS` when it refuses them, or
   * `PROCESSOR_TIMEOUT` when it is not done in time, waiting included; an update whose turn has not
   * come by then is never given.
   */
  updateParams(params: ProcessorParams): Promise<void> {
    let abandoned = false;
    const update = this.#updates.then(async () => {
      if (this.#isStopped) throw new Error("the stream has ended");
      if (!abandoned) await callUserCode(() => this.processor.updateParams(params));
    });
    // The caller of a refused update handles its error; the next update still runs.
    this.#updates = update.catch(() => {});
    return this.#call({
      what: "updateParams()",
      code: "PROCESSOR_PARAMS",
      run: () => update,
      onTimeout: () => abandoned = true,
    });
  }

  /** Says that a stream begins. Rejects with a `ProcessorError` when the processor fails. */
  startStream(params: ProcessorParams): Promise<void> {
    const start = this.#call({
      what: "onStreamStart()",
      code: "PROCESSOR_STREAM",
      run: () => this.processor.onStreamStart(params),
    });
    // The parameters of the start must not overwrite later changes.
    this.#updates = start.catch(() => {}); // its caller's
    return start;
  }

  /**
   * Says that the stream has ended, once an update that is under way has, but not long after; those that
   * wait for their turn are refused. Rejects with a `ProcessorError` when the processor fails, or takes
   * longer than its `timeoutMs`, or the time that a hurry leaves it.
   */
  async stopStream(hurry?: Hurry): Promise<void> {
    this.#isStopped = true;
    if (!await isDoneWithin(this.#clock, this.#updates, UPDATE_GRACE_MS)) {
      // The caller of the update gets its error; another stream must not use the processor until
      // then.
      this.#hanging++;
      void this.#updates.then(() => this.#hanging--);
    }
    return await this.#call({
      what: "onStreamStop()",
      code: "PROCESSOR_STREAM",
      run: () => this.processor.onStreamStop(),
      ...(hurry === undefined ? {} : { hurry }),
    });
  }

  /** What the processor reports of itself, as plain JSON; a failure is reported in its place. */
  metrics(): Readonly<Record<string, unknown>> {
    try {
      return callUserCode(() => JSON.parse(JSON.stringify(this.processor.getMetrics() ?? {})));
    } catch (error) {
      return { error: `getMetrics() failed: ${describeError(error)}` };
    }
  }

  async #call<T>(call: GuardedCall<T>): Promise<T> {
    let pending: T | PromiseLike<T>;
    try {
      pending = callUserCode(call.run);
    } catch (error) {
      throw failed(call, error);
    }
    // Most processors answer at once: no timer for them.
    if (!isThenable(pending)) return pending;
    return await this.#waitFor(Promise.resolve(pending), call);
  }

  async #waitFor<T>(pending: Promise<T>, call: GuardedCall<T>): Promise<T> {
    const timeout = Promise.withResolvers<never>();
    let late = false;
    let isOver = false;
    const giveUpAfter = (timeoutMs: number): () => void =>
      this.#clock.schedule(timeoutMs, () => {
        late = true;
        this.#hanging++;
        call.onTimeout?.();
        timeout.reject(hung(call.what, timeoutMs));
      });
    let cancel = giveUpAfter(this.processor.timeoutMs);
    const { hurry } = call;
    void hurry?.when.then(() => {
      if (isOver || late) return;
      cancel();
      cancel = giveUpAfter(Math.min(this.processor.timeoutMs, hurry.timeoutMs));
    });
    const returned = (result: unknown): void => {
      if (!late) return;
      this.#hanging--;
      call.onLate?.(result);
    };
    const outcome = pending.then(
      (result) => {
        returned(result);
        return result;
      },
      (error) => {
        returned(undefined);
        throw failed(call, error);
      },
    );
    try {
      return await Promise.race([outcome, timeout.promise]);
    } finally {
      isOver = true;
      cancel();
    }
  }
}

/** Leaves a call that is under way less time. */
export interface Hurry {
  /** Resolves when the call should end soon; may never resolve. */
  readonly when: Promise<void>;
  /** The longest it may take from then on, in milliseconds. */
  readonly timeoutMs: number;
}

interface GuardedCall<T> {
  readonly what: string;
  readonly code: ProcessorErrorCode;
  readonly run: () => T | PromiseLike<T>;
  readonly hurry?: Hurry;
  /** Called when the call is given up. */
  readonly onTimeout?: () => void;
  /** Takes a result that came after the call was given up. */
  readonly onLate?: (result: unknown) => void;
}

/** Not every promise is a `Promise`: a processor may use a library's own. */
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

function failed(call: Pick<GuardedCall<unknown>, "what" | "code">, cause: unknown): ProcessorError {
  return new ProcessorError(
    call.code,
    `The processor's ${call.what} failed: ${describeError(cause)}`,
    { cause },
  );
}

function hung(what: string, timeoutMs: number): ProcessorError {
  return new ProcessorError(
    "PROCESSOR_TIMEOUT",
    `The processor's ${what} did not answer within ${timeoutMs} ms: it hangs, ` +
      "or needs a larger timeoutMs",
    { context: { timeoutMs } },
  );
}

function badResult(what: string, result: unknown, wanted: string): ProcessorError {
  return new ProcessorError(
    "PROCESSOR_RESULT",
    `Cannot use what the processor's ${what} returned: it is ${describeValue(result)}; ` +
      `return ${wanted}`,
  );
}

function changed(what: string, result: unknown): ProcessorError {
  return new ProcessorError(
    "PROCESSOR_RESULT",
    `Cannot use what the processor's ${what} returned: it is ${
      describeReturned(result)
    }, and readOnly ` +
      "is true; return the frame as it came, or remove readOnly",
  );
}

function describeReturned(result: unknown): string {
  if (isVideoFrame(result)) return `another VideoFrame, of ${result.width}x${result.height}`;
  if (isAudioFrame(result)) return "another AudioFrame";
  return result === null ? "null" : describeValue(result);
}

function describeValue(value: unknown): string {
  if (value === undefined) return "undefined";
  if (isVideoFrame(value)) {
    return `a${value.closed ? " closed" : ""} VideoFrame of ${value.width}x${value.height}`;
  }
  if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)}`;
  return `an object of type ${value.constructor?.name ?? "null"}`;
}

/**
 * The class that users extend.
 *
 * @module
 */

import type { Logger } from "../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import type { PixelFormat } from "../media/types.ts";

/** What happens to a frame on which the processor throws, hangs, or returns what cannot be used. */
export type ErrorPolicy =
  /** It is dropped and counted: raw video never leaks because a blur failed. */
  | "drop"
  /** It goes on as it came. */
  | "passthrough"
  /** The stream ends with the error. */
  | "stop";

/** What a processor may use from {@linkcode FrameProcessor.initialize} on. */
export interface ProcessorContext {
  /** Parameters known at this time. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Writes to Runnel's log. */
  readonly log: Logger;
  /** Aborts when the worker shuts down. */
  readonly signal: AbortSignal;
  /** Publishes a line of text or JSON on the data channel of the current stream. */
  sendData(text: string): void;
  /** Publishes an event of the application on the events channel of the current stream. */
  sendEvent(event: unknown, type: string): void;
  /**
   * Reports the progress, from 0 to 1, of work that delays frames, and what the work is. The loading
   * overlay of the current stream shows both. Without a stream this does nothing. Throws a `RangeError` for
   * a progress that is not a number.
   */
  reportProgress(progress: number, message?: string): void;
}

/** Parameters as they come over REST: names and JSON values. */
export type ProcessorParams = Readonly<Record<string, unknown>>;

/**
 * Checks parameters; a zod object schema fits. The processor gets the accepted parameters, with defaults
 * filled in and transforms applied.
 */
export interface ParamsSchema {
  /** Checks a value without throwing. */
  safeParse(value: unknown):
    | { readonly success: true; readonly data: Readonly<Record<string, unknown>> }
    | { readonly success: false; readonly error: ParamsSchemaError };
}

/** Why a {@linkcode ParamsSchema} refuses a value. */
export interface ParamsSchemaError {
  readonly issues: readonly {
    readonly path: readonly PropertyKey[];
    readonly message: string;
  }[];
}

/**
 * What `processVideo` may return: a frame, or null to drop it. A `readOnly` processor returns the
 * frame.
 */
export type VideoResult = VideoFrame | null;

/**
 * What `processAudio` may return: frames, or null to drop it. A `readOnly` processor returns the
 * frame.
 */
export type AudioResult = AudioFrame | readonly AudioFrame[] | null;

/**
 * Works on the frames of a stream. Extend it and override what you need: a processor that leaves
 * `processAudio` alone has its audio copied, never decoded.
 *
 * The frame given to `processVideo` is closed by Runnel once the result was encoded; return it, change
 * it in place, or return another made with `replaceTensor` or `replaceData`.
 */
export abstract class FrameProcessor {
  /** Layout of the frames that `processVideo` gets; ffmpeg converts. */
  readonly pixelFormat: PixelFormat = "i420";
  /** Where frames are when `processVideo` gets them. It may leave them on the CPU or the GPU. */
  readonly device: "cpu" | "gpu" = "cpu";
  /** What happens when a call fails. */
  readonly onError: ErrorPolicy = "drop";
  /** How long one call may take before it counts as hung, in milliseconds. */
  readonly timeoutMs: number = 10_000;
  /** Frames processed at once; results still leave in order. */
  readonly maxInFlight: number = 1;
  /**
   * Whether it only looks and listens (detection, transcription, measuring). Then H.264 and HEVC are copied
   * to the output, without encoding and without waiting for the processor, which gets its frames in
   * parallel. Frames that it is too slow for or fails on are missing for the processor, but not in the
   * output. The processor returns each frame unchanged.
   */
  readonly readOnly: boolean = false;
  /**
   * The processor's parameters: a zod object schema. It refuses bad values before the processor sees
   * them, fills in defaults when a stream starts, and is shown in `/openapi.json`.
   */
  readonly paramsSchema?: ParamsSchema;

  /**
   * Loads models and the like, once, before the first stream. When it throws, the worker is
   * unusable.
   */
  initialize(_context: ProcessorContext): void | Promise<void> {}

  /** Works on one frame; returns it, another, or null to drop it. */
  processVideo(frame: VideoFrame): VideoResult | Promise<VideoResult> {
    return frame;
  }

  /** Works on a piece of sound; returns it, others, or null to drop it. */
  processAudio(frame: AudioFrame): AudioResult | Promise<AudioResult> {
    return frame;
  }

  /** Takes changed parameters; throws to refuse them. Calls never overlap. */
  updateParams(_params: ProcessorParams): void | Promise<void> {}

  /** A stream begins. */
  onStreamStart(_params: ProcessorParams): void | Promise<void> {}

  /** A stream has ended. */
  onStreamStop(): void | Promise<void> {}

  /** Gives back what `initialize` took, such as models. The processor is not used after that. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Figures of the application, shown in the status. */
  getMetrics(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/** Whether a processor overrides `processAudio`; if not, audio is copied. */
export function handlesAudio(processor: FrameProcessor): boolean {
  return processor.processAudio !== baseOf(processor).processAudio;
}

/** Whether a processor overrides `processVideo`; if not, frames go on as they come. */
export function handlesVideo(processor: FrameProcessor): boolean {
  return processor.processVideo !== baseOf(processor).processVideo;
}

/** The base class of a processor, which may be the `FrameProcessor` of another copy of Runnel. */
function baseOf(processor: FrameProcessor): Partial<FrameProcessor> {
  let base: object = processor;
  for (let next = base; next !== null && next !== Object.prototype;) {
    base = next;
    next = Object.getPrototypeOf(next);
  }
  return base;
}

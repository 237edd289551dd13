/**
 * Processors from plain functions.
 *
 * @module
 */

import type { AudioFrame, VideoFrame } from "../frames/mod.ts";
import type { PixelFormat } from "../media/types.ts";
import {
  type AudioResult,
  type ErrorPolicy,
  FrameProcessor,
  type ParamsSchema,
  type ProcessorContext,
  type ProcessorParams,
  type VideoResult,
} from "./frame_processor.ts";

/** The functions of a processor; `this` is not used, closures keep the state. */
export interface ProcessorDefinition extends CommonDefinition {
  /** See {@linkcode FrameProcessor.processVideo}. @default frames go on as they come */
  readonly video?: (frame: VideoFrame) => VideoResult | Promise<VideoResult>;
  /** See {@linkcode FrameProcessor.processAudio}. @default audio is copied */
  readonly audio?: (frame: AudioFrame) => AudioResult | Promise<AudioResult>;
}

/** The functions of a processor that only looks and listens: they need not return the frame. */
export interface ReadOnlyDefinition extends CommonDefinition {
  /** See {@linkcode FrameProcessor.readOnly}. */
  readonly readOnly: true;
  /** Looks at a frame, which goes on as it came. @default nothing is looked at */
  readonly video?: (frame: VideoFrame) => VideoFrame | void | Promise<VideoFrame | void>;
  /** Listens to a piece of sound, which goes on as it came. @default nothing is listened to */
  readonly audio?: (frame: AudioFrame) => AudioFrame | void | Promise<AudioFrame | void>;
}

/** What all definitions have in common. */
export interface CommonDefinition {
  /** Layout of the frames that `video` gets. @default "i420" */
  readonly pixelFormat?: PixelFormat;
  /** Where the frames are that `video` gets. @default "cpu" */
  readonly device?: "cpu" | "gpu";
  /** What happens when a call fails. @default "drop" */
  readonly onError?: ErrorPolicy;
  /** How long one call may take, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Frames processed at once. @default 1 */
  readonly maxInFlight?: number;
  /** Whether it only looks and listens: see {@linkcode FrameProcessor.readOnly}. @default false */
  readonly readOnly?: boolean;
  /** The parameters, as a zod object schema: see {@linkcode FrameProcessor.paramsSchema}. @default any */
  readonly paramsSchema?: ParamsSchema;
  /** See {@linkcode FrameProcessor.initialize}. */
  readonly initialize?: (context: ProcessorContext) => void | Promise<void>;
  /** See {@linkcode FrameProcessor.updateParams}. */
  readonly updateParams?: (params: ProcessorParams) => void | Promise<void>;
  /** See {@linkcode FrameProcessor.onStreamStart}. */
  readonly onStreamStart?: (params: ProcessorParams) => void | Promise<void>;
  /** See {@linkcode FrameProcessor.onStreamStop}. */
  readonly onStreamStop?: () => void | Promise<void>;
  /** Gives back what `initialize` took; see {@linkcode FrameProcessor}. */
  readonly dispose?: () => Promise<void>;
  /** See {@linkcode FrameProcessor.getMetrics}. */
  readonly getMetrics?: () => Readonly<Record<string, unknown>>;
}

/**
 * Makes a factory of processors from functions, to be exported or passed as `processor`. Give a
 * function that makes the definition when each stream needs state of its own.
 *
 * ```ts
 * import { defineProcessor } from "./define_processor.ts";
 *
 * export default defineProcessor({
 *   pixelFormat: "rgb24",
 *   video(frame) {
 *     const pixels = frame.tensor.data; // uint8 [H, W, 3]
 *     for (let i = 0; i < pixels.length; i += 3) pixels[i] = 0; // no red
 *     return frame;
 *   },
 * });
 * ```
 */
export function defineProcessor(
  definition:
    | ProcessorDefinition
    | ReadOnlyDefinition
    | (() => ProcessorDefinition | ReadOnlyDefinition),
): () => FrameProcessor {
  return () => toProcessor(typeof definition === "function" ? definition() : definition);
}

function toProcessor(definition: ProcessorDefinition | ReadOnlyDefinition): FrameProcessor {
  const {
    video,
    audio,
    initialize,
    updateParams,
    onStreamStart,
    onStreamStop,
    dispose,
    getMetrics,
  } = definition;
  const processor = new DefinedProcessor(definition);
  // Only defined functions are overridden: the audio of a processor without `audio` is copied.
  if (video !== undefined) processor.processVideo = returning(video);
  if (audio !== undefined) processor.processAudio = returning(audio);
  if (initialize !== undefined) processor.initialize = initialize;
  if (updateParams !== undefined) processor.updateParams = updateParams;
  if (onStreamStart !== undefined) processor.onStreamStart = onStreamStart;
  if (onStreamStop !== undefined) processor.onStreamStop = onStreamStop;
  if (dispose !== undefined) processor[Symbol.asyncDispose] = dispose;
  if (getMetrics !== undefined) processor.getMetrics = getMetrics;
  return processor;
}

/** The same function: the guard checks calls that returned nothing. */
function returning<Frame, Result>(
  look: (frame: Frame) => Result | void | Promise<Result | void>,
): (frame: Frame) => Result | Promise<Result> {
  return look as (frame: Frame) => Result | Promise<Result>;
}

class DefinedProcessor extends FrameProcessor {
  override readonly pixelFormat: PixelFormat;
  override readonly device: "cpu" | "gpu";
  override readonly onError: ErrorPolicy;
  override readonly timeoutMs: number;
  override readonly maxInFlight: number;
  override readonly readOnly: boolean;
  declare readonly paramsSchema?: ParamsSchema;

  constructor(definition: CommonDefinition) {
    super();
    this.pixelFormat = definition.pixelFormat ?? "i420";
    this.device = definition.device ?? "cpu";
    this.onError = definition.onError ?? "drop";
    this.timeoutMs = definition.timeoutMs ?? 10_000;
    this.maxInFlight = definition.maxInFlight ?? 1;
    this.readOnly = definition.readOnly ?? false;
    if (definition.paramsSchema !== undefined) this.paramsSchema = definition.paramsSchema;
  }
}

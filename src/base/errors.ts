/**
 * The error classes of Runnel. Each error carries a literal `code` for programs, a message that says
 * what was wrong and what to do for people, and the values that go with it in `context`.
 *
 * @module
 */

/** Options of every {@linkcode RunnelError}. */
export interface RunnelErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Values that go with the error: a URL, an exit code, an offset. Never a secret. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** The base of all errors that Runnel throws on purpose, apart from `TypeError` and `RangeError` for misuse. */
export class RunnelError<Code extends string = string> extends Error {
  /** The literal code of this error: stable, for programs. */
  readonly code: Code;
  /** Values that go with the error. */
  readonly context: Readonly<Record<string, unknown>>;

  /** Creates an error; `message` says "Cannot X: what was found; what to do". */
  constructor(code: Code, message: string, options: RunnelErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.context = options.context ?? {};
  }
}

/** What can go wrong in `src/trickle`. */
export type TrickleErrorCode =
  | "TRICKLE_NOT_FOUND"
  | "TRICKLE_CLOSED"
  | "TRICKLE_SEGMENT_FAILED"
  | "TRICKLE_UNREACHABLE"
  | "TRICKLE_STALLED"
  | "TRICKLE_PROTOCOL"
  | "TRICKLE_ADDRESS_IN_USE";

/** A failure of the trickle protocol or of the HTTP below it. */
export class TrickleError extends RunnelError<TrickleErrorCode> {}

/** What can go wrong with containers and streams in `src/media`. */
export type MediaErrorCode =
  | "MEDIA_NO_STREAM"
  | "MEDIA_UNSUPPORTED_CODEC"
  | "MEDIA_BAD_CONTAINER"
  | "MEDIA_BAD_FRAME"
  | "MEDIA_TOO_SLOW";

/** Media that cannot be read or written. */
export class MediaError extends RunnelError<MediaErrorCode> {}

/** What can go wrong with an ffmpeg child. */
export type FfmpegErrorCode =
  | "FFMPEG_MISSING"
  | "FFMPEG_SPAWN"
  | "FFMPEG_EXIT"
  | "FFMPEG_HANG"
  | "FFMPEG_RESTART_LIMIT";

/** An ffmpeg that is missing, will not start, or died. `context.stderr` holds its last lines. */
export class FfmpegError extends RunnelError<FfmpegErrorCode> {}

/** What can go wrong with the GPU. */
export type GpuErrorCode =
  | "GPU_UNAVAILABLE"
  | "GPU_SOFTWARE"
  | "GPU_SELF_TEST"
  | "GPU_LOST"
  | "GPU_SHADER"
  | "GPU_MEMORY"
  | "GPU_LIMIT";

/** A GPU that is not there, or cannot do what was asked of it. */
export class GpuError extends RunnelError<GpuErrorCode> {}

/** What can go wrong with an ONNX model. */
export type ModelErrorCode =
  | "MODEL_NOT_FOUND"
  | "MODEL_DOWNLOAD"
  | "MODEL_CHECKSUM"
  | "MODEL_INVALID"
  | "MODEL_UNSUPPORTED"
  | "MODEL_INPUT"
  | "MODEL_MEMORY"
  | "MODEL_RUN";

/** A model that cannot be found, loaded or run. */
export class ModelError extends RunnelError<ModelErrorCode> {}

/** What can go wrong with the user's settings and files. */
export type ConfigErrorCode = "CONFIG_INVALID" | "CONFIG_PROCESSOR";

/** A setting, flag or processor file that cannot be used. */
export class ConfigError extends RunnelError<ConfigErrorCode> {}

/** What can go wrong in the user's frame processor. */
export type ProcessorErrorCode =
  | "PROCESSOR_INITIALIZE"
  | "PROCESSOR_FRAME"
  | "PROCESSOR_TIMEOUT"
  | "PROCESSOR_RESULT"
  | "PROCESSOR_STREAM"
  | "PROCESSOR_PARAMS";

/** A frame processor that threw, hung, or returned what cannot be used. */
export class ProcessorError extends RunnelError<ProcessorErrorCode> {}

/** Says in one line what was thrown, whatever its type. */
export function describeError(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}

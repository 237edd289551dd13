/**
 * From what the processor made of frames to the encoder.
 *
 * @module
 */

import type { Rational } from "../../base/mod.ts";
import type { PictureFormat, VideoFrame } from "../../frames/mod.ts";
import type { ErrorPolicy } from "../../processor/mod.ts";
import type { LoadingOverlay } from "./loading_overlay.ts";
import type { StreamMeters } from "../telemetry/stream_meters.ts";
import type { WriteOptions } from "./video_output.ts";
import { type EmissionPlace, isHung, type VideoEmission } from "./video_outcome.ts";
import type { Size } from "../../media/rect.ts";

/** Options of a {@linkcode FrameEmitter}. */
export interface FrameEmitterOptions {
  /** What happens to a frame on which the processor failed. */
  readonly onErrorPolicy: ErrorPolicy;
  /** Whether the picture of a frame is out already: the processor only looks at it. */
  readonly isOut: (frame: VideoFrame) => boolean;
  /** Where frames go. @default they are processed and then closed */
  readonly output?: FrameOutput | undefined;
  readonly loading: LoadingOverlay;
  readonly meters: StreamMeters;
  /** Takes what the processor threw. */
  readonly onError: (error: Error) => void;
}

/** Takes frames to be encoded. */
export interface FrameOutput {
  /** Takes a frame; its memory is free again when the promise resolves. */
  write(frame: VideoFrame, options: WriteOptions): Promise<void>;
}

/** Writes frames, their substitutes or nothing, counts what is not written, and closes all of them. */
export class FrameEmitter {
  readonly #options: FrameEmitterOptions;
  #written: PictureFormat | undefined;
  /** Whether the output has the size of the input, not that of the processor's frames. */
  keepInputSize = false;

  #outputSize: Size | undefined;

  /** Size of the last picture that went out, in pixels. */
  get outputSize(): Size | undefined {
    return this.#outputSize;
  }

  /** Creates an emitter without an output. */
  constructor(options: FrameEmitterOptions) {
    this.#options = options;
  }

  /** Deals with one frame; rejects with the processor's error where that ends the stream. */
  async emit(emission: VideoEmission, place: EmissionPlace): Promise<void> {
    const { input } = emission;
    try {
      await this.#emit(emission, place);
    } finally {
      if (emission.kind !== "failed" || !isHung(emission)) input.close();
      if (emission.kind === "frame") emission.output.close();
    }
  }

  async #emit(emission: VideoEmission, { isLate }: EmissionPlace): Promise<void> {
    const { meters, loading } = this.#options;
    const { input } = emission;
    if (this.#options.isOut(input)) return this.#noteSeen(emission);
    if (emission.kind === "frame") meters.frameReached("processed", input.timestamp);
    if (emission.kind === "frame" || emission.kind === "dropped") loading.frameAnswered();
    switch (emission.kind) {
      case "dropped":
        return meters.framesDropped("processor");
      case "failed":
        return await this.#emitFailed(input, { error: emission.error, isLate });
      case "loading":
        return isLate ? meters.framesDropped("late") : await this.#emitLoading(input);
      case "frame":
        if (isLate) return meters.framesDropped("late");
        this.#written = formatOf(emission.output);
        return await this.#encode(emission.output, input);
    }
  }

  /** The picture is out: what became of its frame is only counted. */
  #noteSeen(emission: VideoEmission): void {
    const { meters, onErrorPolicy, onError } = this.#options;
    const { timestamp } = emission.input;
    switch (emission.kind) {
      case "frame":
        meters.frameReached("processed", timestamp);
        return meters.frameSeen(timestamp);
      case "failed":
        if (onErrorPolicy === "stop") throw emission.error;
        onError(emission.error);
        return meters.framesUnseen("error");
      case "dropped":
      case "loading":
        return meters.framesUnseen("processor");
    }
  }

  async #emitFailed(
    frame: VideoFrame,
    { error, isLate }: EmissionPlace & { readonly error: Error },
  ): Promise<void> {
    const { onErrorPolicy, meters, loading, onError } = this.#options;
    if (onErrorPolicy === "stop") throw error;
    onError(error);
    if (onErrorPolicy === "drop" || frame.closed || isLate) return meters.framesDropped("error");
    loading.frameAnswered();
    // A call that hangs may end while the frame is encoded, and close it.
    using shared = frame.share();
    await this.#encode(await shared.to("cpu"), frame);
  }

  async #emitLoading(frame: VideoFrame): Promise<void> {
    const { meters, loading } = this.#options;
    meters.counts.frames_overlaid++;
    if (loading.mode === "passthrough") return await this.#encode(frame, frame);
    // As what was written last: another size or format would cost a new encoder, there and back.
    using screen = loading.screen(frame, this.#written ?? formatOf(frame));
    await this.#encode(screen, frame);
  }

  async #encode(frame: VideoFrame, input: VideoFrame): Promise<void> {
    const { output, meters } = this.#options;
    if (output === undefined) return meters.frameConsumed(input.timestamp);
    const { width, height } = this.keepInputSize ? input : frame;
    this.#outputSize = { width, height };
    const sampleAspect = aspectOf(frame, { width, height, input });
    const outputSize = this.keepInputSize ? { width, height } : undefined;
    await output.write(frame, { sampleAspect, outputSize });
  }
}

/** Frames that were made anew, in the shape of the input, do not say what their pixels are. */
function aspectOf(
  frame: VideoFrame,
  output: Size & { readonly input: VideoFrame },
): Rational | undefined {
  const { width, height, input } = output;
  if (width * input.height === height * input.width) {
    return frame.sampleAspect ?? input.sampleAspect;
  }
  return frame.sampleAspect;
}

function formatOf({ pixelFormat, width, height, color }: VideoFrame): PictureFormat {
  return { pixelFormat, width, height, color };
}

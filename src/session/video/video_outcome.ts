/**
 * What becomes of the video frames of a stream.
 *
 * @module
 */

import { ProcessorError } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import type { ProcessorGuard } from "../../processor/mod.ts";

/** What became of one frame in the processor. */
export type VideoOutcome =
  | { readonly kind: "frame"; readonly input: VideoFrame; readonly output: VideoFrame }
  | { readonly kind: "dropped"; readonly input: VideoFrame }
  | { readonly kind: "failed"; readonly input: VideoFrame; readonly error: Error };

/** What leaves a {@linkcode VideoPath}. */
export type VideoEmission =
  | VideoOutcome
  /** The loading overlay takes the place of a frame that the processor does not get. */
  | { readonly kind: "loading"; readonly input: VideoFrame };

/** What the place of a frame among the others means for it. */
export interface EmissionPlace {
  /** Whether a later frame has left already: this one must not be written any more. */
  readonly isLate: boolean;
}

/** Gives a frame to the processor, on the device that it wants. Never rejects. */
export async function processFrame(
  guard: ProcessorGuard,
  frame: VideoFrame,
): Promise<VideoOutcome> {
  try {
    if (guard.processor.device === "gpu") await frame.to("gpu");
    const output = await guard.processVideo(frame);
    if (output === null) return { kind: "dropped", input: frame };
    return { kind: "frame", input: frame, output };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return { kind: "failed", input: frame, error };
  }
}

/** A call that hangs still uses its frame: the guard closes it when the call ends. */
export function isHung(outcome: VideoOutcome): boolean {
  return outcome.kind === "failed" && outcome.error instanceof ProcessorError &&
    outcome.error.code === "PROCESSOR_TIMEOUT";
}

/** What comes out of the processor after the stream was aborted is nobody's. */
export function closeFrames(outcome: VideoOutcome): void {
  outcome.input.close();
  if (outcome.kind === "frame") outcome.output.close();
}

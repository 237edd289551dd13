/**
 * What becomes of the video frames of a stream.
 *
 * @module
 */

import { ProcessorError } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";

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

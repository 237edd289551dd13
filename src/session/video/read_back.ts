/**
 * From the GPU to the encoder.
 *
 * @module
 */

import { describeError } from "../../base/mod.ts";
import type { VideoFrame } from "../../frames/mod.ts";
import type { VideoOutcome } from "./video_outcome.ts";

/**
 * A frame in CPU memory with the picture of one on the GPU: as `i420`, which the encoder takes and which
 * is half the bytes of the other formats. The frame is closed, unless it is the one that comes back.
 * Rejects with a `GpuError` when the device is lost; then the frame is still its owner's.
 */
export async function readI420(frame: VideoFrame): Promise<VideoFrame> {
  if (frame.pixelFormat === "i420") return await frame.to("cpu");
  const converted = frame.convert("i420");
  frame.close();
  try {
    return await converted.to("cpu");
  } catch (error) {
    converted.close();
    throw error;
  }
}

/**
 * Brings the picture of an outcome into CPU memory, as the encoder wants it: on the GPU it becomes
 * `i420` first, half the bytes of the others. A device that is lost by then fails the frame.
 */
export async function readBack(outcome: VideoOutcome): Promise<VideoOutcome> {
  if (outcome.kind !== "frame" || outcome.output.location !== "gpu") return outcome;
  const { input, output } = outcome;
  try {
    // What nobody changed is still there.
    const read = output === input ? await output.to("cpu") : await readI420(output);
    return { kind: "frame", input, output: read };
  } catch (error) {
    if (output !== input) output.close();
    return { kind: "failed", input, error: toError(error) };
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeError(thrown));
}

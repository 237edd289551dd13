/**
 * The built-in processor `gain`.
 *
 * @module
 */

import type { AudioFrame } from "../../frames/mod.ts";
import { FrameProcessor, type ProcessorParams } from "../frame_processor.ts";

/** The largest factor: 20 dB. */
const MAX_GAIN = 10;

/** Multiplies the volume by the parameter `gain`: 1 leaves it, 0 is silence. */
export class Gain extends FrameProcessor {
  #gain = 1;

  /** Takes `gain` from the start parameters. Throws a `RangeError` when it is out of range. */
  override onStreamStart(params: ProcessorParams): void {
    this.#gain = 1;
    this.updateParams(params);
  }

  /** Takes a changed `gain`. Throws a `RangeError` unless it is a number from 0 to 10. */
  override updateParams(params: ProcessorParams): void {
    const { gain } = params;
    if (gain === undefined) return;
    if (typeof gain !== "number" || !(gain >= 0 && gain <= MAX_GAIN)) {
      throw new RangeError(
        `Cannot set gain to ${JSON.stringify(gain)}: use a number from 0 to ${MAX_GAIN}`,
      );
    }
    this.#gain = gain;
  }

  /** Scales the samples in place, and keeps them within full scale. */
  override processAudio(frame: AudioFrame): AudioFrame {
    const gain = this.#gain;
    if (gain === 1) return frame;
    for (const channel of frame.samples) {
      for (let i = 0; i < channel.length; i++) {
        channel[i] = Math.max(-1, Math.min(1, channel[i]! * gain));
      }
    }
    return frame;
  }

  /** The gain in force. */
  override getMetrics(): Readonly<Record<string, unknown>> {
    return { gain: this.#gain };
  }
}

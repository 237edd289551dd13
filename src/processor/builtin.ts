/**
 * The built-in processors: `passthrough`, `grayscale`, `invert`, `mirror`, `timestamp` and `gain`.
 *
 * @module
 */

import {
  type AudioFrame,
  BLACK,
  drawText,
  formatTime,
  type Plane,
  type VideoFrame,
  WHITE,
} from "../frames/mod.ts";
import { FrameProcessor, type ProcessorParams } from "./frame_processor.ts";
import { ticksToSeconds } from "../base/mod.ts";

/** Chroma without colour. */
const NEUTRAL_CHROMA = 128;

/** Takes the colour out. */
export class Grayscale extends FrameProcessor {
  /** Sets both chroma planes to neutral. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { u, v } = frame.planes;
    u.data.fill(NEUTRAL_CHROMA);
    v.data.fill(NEUTRAL_CHROMA);
    return frame;
  }
}

/** Turns every colour into its complement. */
export class Invert extends FrameProcessor {
  /** Mirrors luma and chroma about the middle of their range. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { y, u, v } = frame.planes;
    // Limited range runs from 16 to 235, and chroma is centred on 128 in either range.
    invertPlane(y, frame.color.fullRange ? 255 : 251);
    invertPlane(u, 256);
    invertPlane(v, 256);
    return frame;
  }
}

/** Swaps left and right. */
export class Mirror extends FrameProcessor {
  /** Reverses each row of each plane. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const { y, u, v } = frame.planes;
    for (const plane of [y, u, v]) mirrorPlane(plane);
    return frame;
  }
}

/** Maps each value to `sum` minus itself, within a byte. */
function invertPlane({ data }: Plane, sum: number): void {
  for (let i = 0; i < data.length; i++) {
    const value = sum - data[i]!;
    data[i] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}

function mirrorPlane({ data, width, height, strideBytes }: Plane): void {
  for (let row = 0; row < height; row++) {
    data.subarray(row * strideBytes, row * strideBytes + width).reverse();
  }
}

/** Passes every frame on unchanged. */
export class Passthrough extends FrameProcessor {}

/** The text is about this part of the picture's width: twelve letters of six dots. */
const DOTS_PER_PICTURE_WIDTH = 240;

/** Burns the frame's presentation time in, as `HH:MM:SS.mmm` at the top left. */
export class Timestamp extends FrameProcessor {
  /** Draws the time into the frame. */
  override processVideo(frame: VideoFrame): VideoFrame {
    const scale = Math.max(1, Math.floor(frame.width / DOTS_PER_PICTURE_WIDTH));
    const time = formatTime(ticksToSeconds(frame.timestamp, frame.timeBase));
    const margin = 4 * scale;
    drawText(frame, time, { x: margin, y: margin, scale, color: WHITE, background: BLACK });
    return frame;
  }
}

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

/**
 * A stretch of sound on its way through a processor.
 *
 * @module
 */

import { type Rational, ticksToSeconds } from "../base/mod.ts";
import { checkTime } from "./time.ts";

/** Marks audio frames of every copy of this module, where `instanceof` would tell them apart. */
const BRAND = Symbol.for("@runnel/runnel AudioFrame");

/** The most channels of an audio frame. */
export const MAX_AUDIO_CHANNELS = 64;

/** What an {@linkcode AudioFrame} is made of. */
export interface AudioFrameInit {
  /** One array per channel, all of one length; full scale is -1 to 1. */
  readonly samples: readonly Float32Array[];
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Presentation time of the first sample in ticks of `timeBase`. */
  readonly ptsTicks: number;
  /** How long a tick is. */
  readonly timeBase: Rational;
  /** Anything that belongs to the frame; kept by the frames made from it. @default {} */
  readonly metadata?: Record<string, unknown>;
}

/** Decoded audio: planar 32-bit floats. It needs no closing. */
export class AudioFrame {
  /** One array per channel, all of one length; full scale is -1 to 1. May be written to. */
  readonly samples: readonly Float32Array[];
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Presentation time of the first sample in ticks of `timeBase`: a whole number. */
  readonly timestamp: number;
  /** How long a tick of `timestamp` is. */
  readonly timeBase: Rational;
  /** Anything that belongs to the frame. */
  readonly metadata: Record<string, unknown>;

  /**
   * Makes a frame over the given arrays, which are not copied. Throws a `TypeError` for samples that
   * are not Float32Arrays of one length, a `RangeError` for a rate or time that cannot be.
   */
  constructor(init: AudioFrameInit) {
    checkSamples(init.samples);
    checkTime(init.ptsTicks, init.timeBase);
    if (!Number.isInteger(init.sampleRate) || init.sampleRate < 1) {
      throw new RangeError(
        `Cannot make an audio frame at ${init.sampleRate} Hz: use a positive whole number`,
      );
    }
    this.samples = init.samples;
    this.sampleRate = init.sampleRate;
    this.timestamp = init.ptsTicks;
    this.timeBase = init.timeBase;
    this.metadata = init.metadata ?? {};
  }

  /** Marks every audio frame, of any copy of the library. */
  get [BRAND](): true {
    return true;
  }

  /** The number of channels. */
  get channels(): number {
    return this.samples.length;
  }

  /** Samples in each channel. */
  get sampleCount(): number {
    return this.samples[0]?.length ?? 0;
  }

  /** How long the frame lasts. */
  get durationSeconds(): number {
    return this.sampleCount / this.sampleRate;
  }

  /** When the frame starts, in seconds. */
  get startSeconds(): number {
    return ticksToSeconds(this.timestamp, this.timeBase);
  }

  /**
   * A new frame with other samples, and this frame's rate, time and metadata. The number of channels
   * and the length may change. Throws a `TypeError` for samples that are not Float32Arrays of one
   * length.
   */
  replaceSamples(samples: readonly Float32Array[]): AudioFrame {
    return new AudioFrame({
      samples,
      sampleRate: this.sampleRate,
      ptsTicks: this.timestamp,
      timeBase: this.timeBase,
      metadata: this.metadata,
    });
  }
}

/** Whether a value is an {@linkcode AudioFrame}, also one of another copy of this library. */
export function isAudioFrame(value: unknown): value is AudioFrame {
  return typeof value === "object" && value !== null && BRAND in value;
}

function checkSamples(samples: readonly Float32Array[]): void {
  const isList = Array.isArray(samples) && samples.every((one) => one instanceof Float32Array);
  if (!isList || samples.length < 1 || samples.length > MAX_AUDIO_CHANNELS) {
    throw new TypeError(
      "Cannot make an audio frame: its samples are not an array of 1 to " +
        `${MAX_AUDIO_CHANNELS} Float32Arrays, one per channel`,
    );
  }
  const lengths = samples.map((channel) => channel.length);
  if (lengths.some((length) => length !== lengths[0])) {
    throw new TypeError(
      `Cannot make an audio frame: its channels have ${lengths.join(", ")} samples; ` +
        "give each the same number",
    );
  }
}

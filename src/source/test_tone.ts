/**
 * The sound of the test picture: a beep with each flash.
 *
 * @module
 */

import { firstFrameOfSecond } from "./test_pattern.ts";

/** How long a beep lasts. */
export const BEEP_SECONDS = 0.08;
/** The pitch of a beep. */
export const BEEP_HZ = 1000;
/** Loudness of a beep; full scale is 1. */
const AMPLITUDE = 0.5;

/** Which stretch of sound. */
export interface TestToneOptions {
  /** Index of the first sample since frame 0 began. */
  readonly startSample: number;
  /** Samples to make. */
  readonly count: number;
  /** Samples per second. */
  readonly sampleRate: number;
  /** Frames per second of the picture. */
  readonly fps: number;
}

/**
 * One channel of sound: silence, and from the sample at which a flash frame begins a sine that
 * lasts {@linkcode BEEP_SECONDS}.
 */
export function testTone({ startSample, count, sampleRate, fps }: TestToneOptions): Float32Array {
  const samples = new Float32Array(count);
  const beepSamples = Math.round(BEEP_SECONDS * sampleRate);
  // A flash frame begins up to one frame after its second.
  const firstSecond = Math.max(0, Math.floor(startSample / sampleRate) - 1);
  const lastSecond = Math.floor((startSample + count) / sampleRate);
  for (let second = firstSecond; second <= lastSecond; second++) {
    const beepStart = Math.round(firstFrameOfSecond(second, fps) / fps * sampleRate);
    const from = Math.max(0, beepStart - startSample);
    const end = Math.min(count, beepStart + beepSamples - startSample);
    for (let index = from; index < end; index++) {
      const phase = (startSample + index - beepStart) * BEEP_HZ / sampleRate;
      samples[index] = AMPLITUDE * Math.sin(2 * Math.PI * phase);
    }
  }
  return samples;
}

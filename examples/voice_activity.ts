/**
 * Says when somebody speaks, with the Silero model. The sound is published as it came; what was
 * heard goes out as lines of JSON on the data channel:
 *
 *     {"type":"speech_start","time":1.056,"probability":0.98}
 *     {"type":"speech_end","time":3.36,"probability":0.02}
 *
 *     ./runnel process speech.mp4 out.mp4 --processor examples/voice_activity.ts
 *
 * Parameters: `threshold` (0.5), `min_speech_seconds` (0.1), `min_silence_seconds` (0.4).
 */

import {
  type AudioFrame,
  FrameProcessor,
  type ProcessorContext,
  type ProcessorParams,
} from "@runnel/runnel";
import { z } from "zod";
import { parseParameters } from "./parameters.ts";
import { SPEECH_RATE, SpeechResampler } from "./voice/resampler.ts";
import { Silero, WINDOW_SAMPLES } from "./voice/silero.ts";
import { type SpeechChange, SpeechGate } from "./voice/speech_gate.ts";

const Parameters = z.object({
  threshold: z.number().min(0.15).max(1).default(0.5),
  min_speech_seconds: z.number().min(0).max(10).default(0.1),
  min_silence_seconds: z.number().min(0).max(10).default(0.4),
});

/** Sound that begins this much later or earlier than the last ended is not its continuation. */
const MAX_GAP_SECONDS = 0.1;

/** Listens; changes nothing. */
export default class VoiceActivity extends FrameProcessor {
  override readonly readOnly = true;
  #context: ProcessorContext | undefined;
  #silero: Silero | undefined;
  #parameters = Parameters.parse({});
  #gate = new SpeechGate();
  #resampler: SpeechResampler | undefined;
  /** Sound at 16 kHz that is not a window yet. */
  #samples: Float32Array = new Float32Array();
  /** Where the last frame ended. */
  #endSeconds = 0;
  #probability = 0;

  /** Loads the model. */
  override async initialize(context: ProcessorContext): Promise<void> {
    this.#context = context;
    this.#silero ??= await Silero.load(context.signal);
  }

  /** Begins anew, with the parameters of the stream. */
  override onStreamStart(params: ProcessorParams): void {
    this.#parameters = parseParameters(Parameters, params);
    this.#resampler = undefined;
  }

  /** Takes changed parameters. */
  override updateParams(params: ProcessorParams): void {
    this.#parameters = parseParameters(Parameters, { ...this.#parameters, ...params });
  }

  /** Listens to the sound and lets it go on. */
  override async processAudio(frame: AudioFrame): Promise<AudioFrame> {
    const resampler = this.#continue(frame);
    this.#endSeconds = frame.startSeconds + frame.durationSeconds;
    this.#samples = joined(this.#samples, resampler.push(frame.samples));
    while (this.#samples.length >= WINDOW_SAMPLES) {
      const heldSeconds = this.#samples.length / SPEECH_RATE + resampler.heldSeconds;
      const window = this.#samples.subarray(0, WINDOW_SAMPLES);
      this.#samples = this.#samples.subarray(WINDOW_SAMPLES);
      await this.#hear(window, this.#endSeconds - heldSeconds);
    }
    return frame;
  }

  /** What begun must end, also for those who read the data channel. */
  override onStreamStop(): void {
    this.#publish(this.#gate.close(this.#endSeconds));
  }

  /** How sure the model is now, and what was made of it. */
  override getMetrics(): Readonly<Record<string, unknown>> {
    return { speech: this.#gate.isOpen, speech_probability: this.#probability };
  }

  /** Gives the model back. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#silero?.[Symbol.asyncDispose]();
    this.#silero = undefined;
  }

  /** Where sound is missing, or has another rate, nothing of what was heard before helps. */
  #continue({ startSeconds, sampleRate }: AudioFrame): SpeechResampler {
    const isNext = Math.abs(startSeconds - this.#endSeconds) <= MAX_GAP_SECONDS;
    if (isNext && this.#resampler?.sampleRate === sampleRate) return this.#resampler;
    this.#publish(this.#gate.close(this.#endSeconds));
    this.#silero?.reset();
    this.#samples = new Float32Array();
    return this.#resampler = new SpeechResampler(sampleRate);
  }

  async #hear(window: Float32Array, start: number): Promise<void> {
    const end = start + WINDOW_SAMPLES / SPEECH_RATE;
    this.#probability = await this.#silero!.probability(window);
    const { threshold, min_speech_seconds, min_silence_seconds } = this.#parameters;
    const heard = { start, end, probability: this.#probability };
    this.#publish(this.#gate.update(heard, {
      threshold,
      minSpeechSeconds: min_speech_seconds,
      minSilenceSeconds: min_silence_seconds,
    }));
  }

  #publish(change: SpeechChange | undefined): void {
    if (change === undefined) return;
    const { type, time } = change;
    const line = { type, time: rounded(time), probability: rounded(this.#probability) };
    this.#context?.sendData(JSON.stringify(line));
  }
}

function joined(first: Float32Array, second: Float32Array): Float32Array {
  const all = new Float32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

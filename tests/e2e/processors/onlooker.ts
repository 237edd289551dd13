/** Only looks and hears: publishes the time of each picture that it saw, and of each piece of sound. */

import {
  type AudioFrame,
  FrameProcessor,
  type ProcessorContext,
  type VideoFrame,
} from "../../../mod.ts";

export default class Onlooker extends FrameProcessor {
  override readonly readOnly = true;
  #context: ProcessorContext | undefined;
  #seen = 0;
  #heard = 0;

  override initialize(context: ProcessorContext): void {
    this.#context = context;
  }

  override processVideo(frame: VideoFrame): VideoFrame {
    this.#seen++;
    this.#context?.sendData(JSON.stringify({ seen: frame.timestamp }));
    return frame;
  }

  override processAudio(frame: AudioFrame): AudioFrame {
    this.#heard++;
    return frame;
  }

  override getMetrics(): Readonly<Record<string, unknown>> {
    return { seen: this.#seen, heard: this.#heard };
  }
}

/** Says what it does, in the log. */

import { FrameProcessor, type ProcessorContext, type VideoFrame } from "../../../mod.ts";

export default class Talkative extends FrameProcessor {
  #log: ProcessorContext["log"] | undefined;
  #frames = 0;

  override initialize(context: ProcessorContext): void {
    this.#log = context.log;
    context.log.info("Initialized with rtmp://user:hunter2@example.com/");
  }

  override processVideo(frame: VideoFrame): VideoFrame {
    if (this.#frames++ === 0) this.#log?.info("First of {kind}", { kind: "frames" });
    return frame;
  }

  override onStreamStop(): void {
    this.#log?.info("Saw {frames} frames", { frames: this.#frames });
  }
}

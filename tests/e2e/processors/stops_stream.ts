/** Fails on the tenth frame, and ends the stream with that. */

import { FrameProcessor, type VideoFrame } from "../../../mod.ts";

export default class StopsStream extends FrameProcessor {
  override readonly onError = "stop";
  #frames = 0;

  override processVideo(frame: VideoFrame): VideoFrame {
    if (++this.#frames === 10) {
      throw new Error("Cannot reach http://user:hunter2@model.example/: gone");
    }
    return frame;
  }
}

/** Takes the colour out of the picture, or does what the parameter `mode` says. */

import { FrameProcessor, type ProcessorContext, type VideoFrame } from "../../../mod.ts";

/** Frames that are processed as they should be before anything goes wrong. */
const GOOD_FRAMES = 10;

export default class Misbehaving extends FrameProcessor {
  override readonly timeoutMs = 1_000;
  #context: ProcessorContext | undefined;
  #mode = "good";
  #frames = 0;

  override initialize(context: ProcessorContext): void {
    this.#context = context;
  }

  override onStreamStart(params: Readonly<Record<string, unknown>>): void {
    this.#mode = String(params["mode"]);
    this.#frames = 0;
  }

  override processVideo(frame: VideoFrame): VideoFrame | Promise<VideoFrame> {
    if (++this.#frames > GOOD_FRAMES) {
      switch (this.#mode) {
        case "throw":
          throw new Error("this stream's model is broken");
        case "hang":
          return new Promise(() => {});
        case "slow":
          return new Promise((resolve) => setTimeout(() => resolve(frame), 400));
        case "reject":
          // Nobody awaits it: in a thread of its own this ends the thread.
          void Promise.reject(new Error("nobody catches this"));
          break;
        case "throw later":
          setTimeout(() => {
            throw new Error("nobody catches this");
          });
          break;
        case "spin":
          // No log record leaves an event loop that does not turn.
          Deno.stderr.writeSync(new TextEncoder().encode("spins from now on\n"));
          // To an event loop the same as an endless loop, but it leaves the core to others.
          for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        case "flood":
          for (let i = 0; i < 500; i++) {
            this.#context!.sendData(JSON.stringify({ i, text: "x".repeat(1_000) }));
            this.#context!.sendEvent({ i }, "flood");
          }
          break;
      }
    }
    frame.data.fill(128, frame.width * frame.height);
    return frame;
  }
}

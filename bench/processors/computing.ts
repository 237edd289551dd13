/** Computes for 60 ms over each frame without ever waiting: the event loop turns once a frame. */

import { defineProcessor } from "../../mod.ts";

const FRAME_MS = 60;

export default defineProcessor({
  video(frame) {
    const endMs = performance.now() + FRAME_MS;
    while (performance.now() < endMs);
    return frame;
  },
});

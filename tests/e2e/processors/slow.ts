/** Takes its time over each frame: frames pile up before it. */

import { defineProcessor } from "../../../mod.ts";

const FRAME_MS = 40;

export default defineProcessor({
  async video(frame) {
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    return frame;
  },
});

/** Takes its time over each frame, and has as many at once as come meanwhile: none is dropped. */

import { defineProcessor } from "../../../mod.ts";

const FRAME_MS = 400;

export default defineProcessor({
  maxInFlight: 30,
  async video(frame) {
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    return frame;
  },
});

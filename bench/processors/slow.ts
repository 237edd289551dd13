/** Takes 100 ms over each frame: a third of what 30 fps would need. */

import { defineProcessor } from "../../mod.ts";

const FRAME_MS = 100;

export default defineProcessor({
  async video(frame) {
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    return frame;
  },
});

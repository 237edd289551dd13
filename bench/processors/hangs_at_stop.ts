/** Never ends with its stream. */

import { defineProcessor } from "../../mod.ts";

export default defineProcessor({
  video: (frame) => frame,
  onStreamStop: () => new Promise<void>(() => {}),
});

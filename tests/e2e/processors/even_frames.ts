/** Drops every second frame, by the number in the picture. */

import { defineProcessor, readStamp } from "../../../mod.ts";

export default defineProcessor({
  video: (frame) => (readStamp(frame) ?? 0) % 2 === 0 ? frame : null,
});

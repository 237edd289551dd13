/** Only looks: measures how bright each picture is, from every 64th sample of its luma. */

import { defineProcessor } from "../../mod.ts";

const STEP = 64;

export default defineProcessor(() => {
  let brightness = 0;
  return {
    readOnly: true,
    video({ data, width, height }) {
      let sum = 0;
      for (let at = 0; at < width * height; at += STEP) sum += data[at]!;
      brightness = sum * STEP / (width * height);
    },
    getMetrics: () => ({ brightness }),
  };
});

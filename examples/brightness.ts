/**
 * A processor with a parameter that changes while the stream runs, and figures in its status:
 *
 *     ./runnel serve --processor examples/brightness.ts
 *     curl -d '{"brightness": 1.5}' -H 'content-type: application/json' localhost:8000/stream/params
 */

import { defineProcessor, type ProcessorParams } from "@runnel/runnel";

// A function makes the definition: each processor has a state of its own.
export default defineProcessor(() => {
  const table = new Uint8Array(256);
  let brightness = 1;

  function setBrightness({ brightness: value }: ProcessorParams): void {
    if (value === undefined) return;
    if (typeof value !== "number" || !(value >= 0 && value <= 4)) {
      throw new RangeError(`Cannot set brightness to ${value}: use a number from 0 to 4`);
    }
    brightness = value;
    for (let luma = 0; luma < 256; luma++) {
      table[luma] = Math.max(0, Math.min(255, 16 + (luma - 16) * brightness));
    }
  }

  setBrightness({ brightness });
  return {
    onStreamStart: setBrightness,
    updateParams: setBrightness,
    getMetrics: () => ({ brightness }),
    video(frame) {
      const luma = frame.planes.y.data;
      for (let i = 0; i < luma.length; i++) luma[i] = table[luma[i]!]!;
      return frame;
    },
  };
});

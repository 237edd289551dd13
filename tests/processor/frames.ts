import { AudioFrame, VideoFrame } from "../../src/frames/mod.ts";
import { MPEG_TIME_BASE } from "../../src/base/mod.ts";

/** An i420 frame whose luma counts up and whose chroma planes are constant. */
export function makeFrame(
  { width = 8, height = 4, u = 90, v = 200, ptsTicks = 126_000 } = {},
): VideoFrame {
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2);
  const data = new Uint8Array(width * height + 2 * chroma);
  for (let i = 0; i < width * height; i++) data[i] = 16 + i % 220;
  data.fill(u, width * height, width * height + chroma);
  data.fill(v, width * height + chroma);
  return new VideoFrame({
    pixelFormat: "i420",
    data,
    width,
    height,
    ptsTicks,
    timeBase: MPEG_TIME_BASE,
  });
}

/** A stereo frame: a ramp up on the left, down on the right. */
export function makeAudio(length = 64): AudioFrame {
  return new AudioFrame({
    samples: [
      Float32Array.from({ length }, (_, i) => i / length),
      Float32Array.from({ length }, (_, i) => -i / length),
    ],
    sampleRate: 48_000,
    ptsTicks: 0,
    timeBase: MPEG_TIME_BASE,
  });
}

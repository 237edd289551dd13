/**
 * Pictures of video that ffmpeg makes and converts.
 *
 * @module
 */

import type { ColorInfo, Picture } from "../../src/frames/mod.ts";
import { ffmpeg } from "./pictures.ts";

/** One picture as ffmpeg converts it. */
export interface FfmpegPictures {
  readonly rgb: Picture;
  /** `rgb` as YUV. */
  readonly yuv: Picture;
  /** `yuv` as RGB again. */
  readonly rgbAgain: Picture;
}

/** A picture of a test source, blurred as lenses do: ffmpeg's chroma lies elsewhere at hard edges. */
export async function ffmpegPictures(
  source: "testsrc2" | "mandelbrot",
  color: ColorInfo,
): Promise<FfmpegPictures> {
  const [width, height] = [320, 180];
  const size = `${width}x${height}`;
  const { matrix } = color;
  const range = color.fullRange ? "pc" : "tv";
  const rgb = await ffmpeg([
    ...["-f", "lavfi", "-i", `${source}=size=${size}`, "-frames:v", "1"],
    ...["-vf", "format=gbrp,gblur=sigma=3,format=rgb24", "-f", "rawvideo", "pipe:1"],
  ], new Uint8Array());
  const yuv = await ffmpeg([
    ...["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i", "pipe:0"],
    ...["-vf", `scale=out_color_matrix=${matrix}:out_range=${range}:flags=accurate_rnd`],
    ...["-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1"],
  ], rgb);
  const again = await ffmpeg([
    ...["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-i", "pipe:0"],
    ...["-vf", `scale=in_color_matrix=${matrix}:in_range=${range}:out_range=pc`],
    ...["-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"],
  ], yuv);
  return {
    rgb: { pixelFormat: "rgb24", data: rgb, width, height, color },
    yuv: { pixelFormat: "i420", data: yuv, width, height, color },
    rgbAgain: { pixelFormat: "rgb24", data: again, width, height, color },
  };
}

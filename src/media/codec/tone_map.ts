/**
 * High dynamic range (PQ and HLG, ITU-R BT.2100) into pictures for ordinary screens.
 *
 * @module
 */

import { FfmpegError } from "../../base/errors.ts";
import { colorTags } from "../color.ts";
import type { ColorInfo } from "../types.ts";
import { askFfmpeg } from "./ask_ffmpeg.ts";
import { type FfmpegOptions, ffmpegProgram } from "./child.ts";

/** What is white in graphics and text of such a picture, in cd/m²: ITU-R BT.2408 section 2. */
const WHITE_NITS = 203;
/** The brightest that nearly all of them hold, in cd/m². */
const PEAK_NITS = 1000;
/** Up to here, of white, nothing is changed; from here on the rest is pressed together. */
const LINEAR_PART = 0.3;

/** Filters that make BT.709 of limited range, or RGB, of PQ or HLG pictures. */
export function toneMapFilters(color: ColorInfo, { rgb }: { readonly rgb: boolean }): string[] {
  const { space, primaries, transfer } = colorTags(color);
  const tags = `colorspace=${space}:color_primaries=${primaries}:color_trc=${transfer}`;
  const peak = (PEAK_NITS / WHITE_NITS).toFixed(2);
  return [
    // The stream's VUI decides, as everywhere: what it leaves out, zscale would not guess.
    `setparams=range=${color.fullRange ? "pc" : "tv"}:${tags}`,
    `zscale=t=linear:npl=${WHITE_NITS}:p=bt709`,
    "format=gbrpf32le",
    `tonemap=mobius:param=${LINEAR_PART}:peak=${peak}:desat=0`,
    ...(rgb
      ? ["zscale=t=bt709:r=pc", "format=gbrp"]
      : ["zscale=t=bt709:m=bt709:r=tv", "format=yuv420p"]),
  ];
}

const NEEDED = ["zscale", "tonemap"] as const;

/**
 * Whether this ffmpeg has the filters for it: they are left out of some builds. False where ffmpeg cannot
 * be run, which the decoder reports.
 */
export async function canToneMap(options: FfmpegOptions = {}): Promise<boolean> {
  try {
    const list = await askFfmpeg(ffmpegProgram(options), "-filters");
    const names = list.split("\n").map((line) => line.trim().split(/\s+/)[1]);
    return NEEDED.every((name) => names.includes(name));
  } catch (error) {
    if (error instanceof FfmpegError) return false;
    throw error;
  }
}

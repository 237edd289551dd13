/**
 * High dynamic range (PQ and HLG, ITU-R BT.2100) into pictures for ordinary screens.
 *
 * @module
 */

import { FfmpegError } from "../../../base/errors.ts";
import { colorTags } from "../../color.ts";
import type { ColorInfo } from "../../types.ts";
import { runProbe } from "../child/ask_ffmpeg.ts";
import { type FfmpegOptions, ffmpegProgram } from "../child/child.ts";

/** What is white in graphics and text of such a picture, in cd/m²: ITU-R BT.2408 section 2. */
const WHITE_NITS = 203;
/** The brightest that nearly all of them hold, in cd/m². */
const PEAK_NITS = 1000;
/** Up to here, of white, nothing is changed; from here on the rest is pressed together. */
const LINEAR_PART = 0.3;

/**
 * How it is done: by a table of colours, which is made by the filters that `"floats"` has for each picture
 * and takes two thirds of their time. ffmpeg 5.1 to 8 read the planes of a table in another order than
 * they should: `"rotated-table"` is made for that.
 */
export type ToneMapping = "rotated-table" | "table" | "floats";

/**
 * 81 colours along each axis give what the filters do to within 45 to 60 dB of PSNR; fewer show at the
 * edge of the gamut, more take longer to make.
 */
const TABLE_LEVEL = 9;

/**
 * Which planes of the colours become green, blue and red of the table, as `mergeplanes` counts them: of
 * YUV, which stand for red, green and blue there, and of RGB.
 */
const TABLE_PLANES = {
  "rotated-table": { yuv: "0x000102", rgb: "0x020001" },
  "table": { yuv: "0x010200", rgb: "0x000102" },
} as const;
/** And back: which planes of what the table gives are YUV. */
const MAPPED_PLANES = "0x020001";
/** The table is there before any picture, also before one with a time below 0. */
const LONG_BEFORE = "-1000000000";

/** What {@linkcode toneMapFilters} is told. */
export interface ToneMapOptions {
  readonly mapping: ToneMapping;
  /** RGB instead of YUV 4:2:0. */
  readonly rgb: boolean;
  /** Filters in front: pictures should be as small as they will be. */
  readonly before: readonly string[];
  /** Of a table: the square of it is how many colours there are along each axis. @default 9 */
  readonly level?: number;
}

/** The filters that make BT.709 of limited range, or RGB, of PQ or HLG pictures. */
export function toneMapFilters(
  color: ColorInfo,
  { mapping, rgb, before, level = TABLE_LEVEL }: ToneMapOptions,
): string {
  const { space, primaries, transfer } = colorTags(color);
  const coded = `color_primaries=${primaries}:color_trc=${transfer}`;
  // The stream's VUI decides, as everywhere: what it leaves out, zscale would not guess.
  const tags = `setparams=range=${color.fullRange ? "pc" : "tv"}:colorspace=${space}:${coded}`;
  const peak = (PEAK_NITS / WHITE_NITS).toFixed(2);
  const map = [
    `zscale=t=linear:npl=${WHITE_NITS}:p=bt709`,
    "format=gbrpf32le",
    `tonemap=mobius:param=${LINEAR_PART}:peak=${peak}:desat=0`,
  ];
  const toRgb = ["zscale=t=bt709:r=pc", "format=gbrp"];
  const toYuv = ["zscale=t=bt709:m=bt709:r=tv", "format=yuv420p"];
  if (mapping === "floats") {
    return [...before, tags, ...map, ...(rgb ? toRgb : toYuv)].join(",");
  }
  const table = [
    `haldclutsrc=${level}:d=0.04`,
    `setpts=${LONG_BEFORE}`,
    "format=gbrp16",
    `setparams=range=pc:colorspace=gbr:${coded}`,
    ...map,
    // What is beyond RGB is in YUV all the same.
    ...(rgb
      ? ["zscale=t=bt709:r=pc", "format=gbrp16"]
      : ["zscale=t=bt709:m=bt709:r=tv", "format=yuv444p16"]),
    `mergeplanes=${TABLE_PLANES[mapping][rgb ? "rgb" : "yuv"]}:gbrp16[table]`,
  ];
  const pictures = [...before, tags, "zscale=m=gbr:r=pc", "format=gbrp16[pictures]"];
  const mapped = [
    "[pictures][table]haldclut=clut=first",
    ...(rgb ? [] : [`mergeplanes=${MAPPED_PLANES}:yuv444p16`]),
    `setparams=${rgb ? "range=pc:colorspace=gbr" : "range=tv:colorspace=bt709"}:` +
    "color_primaries=bt709:color_trc=bt709",
    ...(rgb ? ["format=gbrp"] : ["zscale", "format=yuv420p"]),
  ];
  return [table, ["[in]null", ...pictures], mapped].map((part) => part.join(",")).join(";");
}

/** BT.2020 and PQ. */
const PQ: ColorInfo = { matrix: "bt2020", fullRange: false, transfer: "smpte2084" };
/** Black of RGB, and what rounding may leave. */
const NEARLY_BLACK = 8;

const found = new Map<string, Promise<ToneMapping | undefined>>();

/**
 * The quickest way that this ffmpeg has, by a trial; undefined where it lacks the filters, which are left
 * out of some builds, and where it cannot be run, which the decoder reports. Each program is tried once.
 */
export function findToneMapping(options: FfmpegOptions = {}): Promise<ToneMapping | undefined> {
  const ffmpegPath = ffmpegProgram(options);
  let mapping = found.get(ffmpegPath);
  if (mapping === undefined) {
    mapping = tryMappings(ffmpegPath);
    found.set(ffmpegPath, mapping);
  }
  return mapping;
}

async function tryMappings(ffmpegPath: string): Promise<ToneMapping | undefined> {
  try {
    for (const mapping of ["rotated-table", "table", "floats"] as const) {
      if (await keepsBlack(ffmpegPath, mapping)) return mapping;
    }
    return undefined;
  } catch (error) {
    // What failed may work once ffmpeg was installed.
    found.delete(ffmpegPath);
    if (error instanceof FfmpegError) return undefined;
    throw error;
  }
}

/** Whether black stays black: with the planes of a table in the wrong order it becomes grey. */
async function keepsBlack(ffmpegPath: string, mapping: ToneMapping): Promise<boolean> {
  const { success, stdout } = await runProbe(ffmpegPath, toneMapProbe(mapping));
  return success && stdout.length > 0 && stdout.every((value) => value < NEARLY_BLACK);
}

/** The arguments of an ffmpeg that maps a black picture to RGB. */
export function toneMapProbe(mapping: ToneMapping): string[] {
  const before = ["format=yuv420p10le"];
  const filters = toneMapFilters(PQ, { mapping, rgb: true, before, level: 2 });
  return [
    ..."-hide_banner -loglevel error -nostdin -f lavfi -i color=black:s=256x256:r=25".split(" "),
    ...["-frames:v", "1", "-vf", filters, "-c:v", "rawvideo", "-pix_fmt", "rgb24"],
    ...["-f", "rawvideo", "pipe:1"],
  ];
}

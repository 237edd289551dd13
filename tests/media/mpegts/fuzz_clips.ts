/** Clips whose pictures are laid out in other ways. */

import type { VideoCodec } from "../../../src/media/types.ts";
import { parseH264Sps, unescapeRbsp } from "../../../src/media/bitstream/mod.ts";
import { fieldFrames, nal } from "./field_pictures.ts";
import { demuxAll, makeTs, packetsOf, picture, prepareTs, X264_LIVE } from "./fixtures.ts";
import { mpeg2FieldFrames } from "./mpeg2_fields.ts";

/** One picture of a clip. */
export interface SourcePicture {
  /** NAL units with their start codes, in order. */
  readonly nals: readonly Uint8Array[];
  readonly pts: number;
  readonly dts: number;
  readonly keyframe: boolean;
}

/** Pictures in decoding order. */
export interface SourceClip {
  readonly name: string;
  /** Whether its headers say how fast it is. */
  readonly hasTiming: boolean;
  readonly codec: VideoCodec;
  readonly pictures: readonly SourcePicture[];
}

const B_PYRAMID = "h264 with a B-pyramid";
const NO_VUI = "h264 with a B-pyramid, without VUI";

const small = picture(1.2, "160x96");
const X265 = "-c:v libx265 -preset ultrafast -x265-params".split(" ");
const CLIPS: readonly (readonly [name: string, codec: VideoCodec, args: readonly string[]])[] = [
  ["h264 without B-frames", "h264", [...small, ...X264_LIVE]],
  ["h264 in slices", "h264", [...small, ...X264_LIVE, "-x264-params", "slices=4"]],
  [
    B_PYRAMID,
    "h264",
    [...small, ..."-c:v libx264 -preset veryfast -bf 4 -g 12 -b_strategy 0".split(" ")],
  ],
  [
    "h264 with open GOPs, in slices",
    "h264",
    [
      ...small,
      ..."-c:v libx264 -preset veryfast -g 10 -bf 2 -x264-params open-gop=1:slices=3".split(" "),
    ],
  ],
  ["h264 interlaced", "h264", [...small, ...X264_LIVE, "-flags", "+ilme+ildct"]],
  ["hevc with B-frames", "hevc", [...small, ...X265, "log-level=none:bframes=3:keyint=12"]],
  ["mpeg2 with B-pictures", "mpeg2video", [...small, ..."-c:v mpeg2video -g 9 -bf 2".split(" ")]],
  [
    "hevc in slices",
    "hevc",
    [...small, ...X265, "log-level=none:slices=3:bframes=0:keyint=10:open-gop=0"],
  ],
];

/** Makes the clips, with one ffmpeg. */
export async function makeClips(): Promise<SourceClip[]> {
  prepareTs(CLIPS.map(([, , args]) => args));
  const clips: SourceClip[] = [fieldClip(), mpeg2FieldClip()];
  for (const [name, codec, args] of CLIPS) {
    const packets = packetsOf(demuxAll(await makeTs(args)), "video");
    const pictures = packets.map(({ data, ptsTicks, dtsTicks, keyframe }) => ({
      nals: splitNals(data, codec),
      pts: ptsTicks,
      dts: dtsTicks,
      keyframe,
    }));
    clips.push({ name, codec, pictures, hasTiming: true });
    if (name === B_PYRAMID) {
      clips.push({ name: NO_VUI, codec, pictures: pictures.map(withoutVui), hasTiming: false });
    }
  }
  return clips;
}

/** The picture with parameter sets that say nothing of its timing. */
function withoutVui(picture: SourcePicture): SourcePicture {
  const nals = picture.nals.map((unit) =>
    (unit[unit[2] === 1 ? 3 : 4]! & 31) === 7 ? spsWithoutVui(unit) : unit
  );
  return { ...picture, nals };
}

function spsWithoutVui(unit: Uint8Array): Uint8Array {
  const sps = unescapeRbsp(unit.subarray(unit[2] === 1 ? 3 : 4));
  const { width, height } = parseH264Sps(sps);
  const bits = [...sps].flatMap((byte) => Array.from({ length: 8 }, (_, i) => byte >> 7 - i & 1));
  const toBytes = (all: readonly number[]): Uint8Array =>
    Uint8Array.from(
      { length: Math.ceil(all.length / 8) },
      (_, byte) => all.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum | bit << 7 - i, 0),
    );
  // The first bit without which there is no timing is vui_parameters_present_flag.
  const flag = bits.findIndex((bit, at) => {
    if (bit === 0 || at < 32) return false;
    try {
      const parsed = parseH264Sps(toBytes(bits.with(at, 0)));
      return parsed.frameSeconds === 0 && parsed.width === width && parsed.height === height;
    } catch {
      return false;
    }
  });
  return nal(sps[0]!, toBytes([...bits.slice(0, flag), 0, 1]).subarray(1));
}

function fieldClip(): SourceClip {
  const pictures = fieldFrames(30, 10).map(({ fields }, index) => ({
    nals: fields.flatMap((field) => splitNals(field)),
    pts: 133_200 + 3600 * index,
    dts: 133_200 + 3600 * index,
    keyframe: index % 10 === 0,
  }));
  return { name: "h264 in field pictures", codec: "h264", pictures, hasTiming: false };
}

function mpeg2FieldClip(): SourceClip {
  const pictures = mpeg2FieldFrames(30, 6).map(({ fields }, index) => ({
    nals: fields.flatMap((field) => splitNals(field, "mpeg2video")),
    pts: 133_200 + 3600 * index,
    dts: 133_200 + 3600 * index,
    keyframe: index % 6 === 0,
  }));
  return { name: "mpeg2 in field pictures", codec: "mpeg2video", pictures, hasTiming: true };
}

/**
 * NAL units of an Annex B stream with their start codes. In MPEG-2 a zero in front of a start code is of
 * what stands before it.
 */
export function splitNals(data: Uint8Array, codec: VideoCodec = "h264"): Uint8Array[] {
  const hasZeroByte = codec !== "mpeg2video";
  const starts: number[] = [];
  for (let i = 0; i + 2 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    starts.push(hasZeroByte && i > 0 && data[i - 1] === 0 ? i - 1 : i);
    i += 2;
  }
  return starts.map((start, index) => data.subarray(start, starts[index + 1] ?? data.length));
}

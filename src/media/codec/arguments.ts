/**
 * ffmpeg argument lists, for FFmpeg 5.1 to 8. Each was measured: what looks superfluous here
 * usually saves a frame of delay.
 *
 * @module
 */

import type { Rational } from "../../base/rational.ts";
import { colorTags, decodedColor, isHdr } from "../color.ts";
import type { Size } from "../rect.ts";
import type { AudioCodec, ColorInfo, PixelFormat } from "../types.ts";
import { toneMapFilters, type ToneMapping } from "./tone_map.ts";

/** What ffmpeg reads and writes. */
export interface CodecUrls {
  readonly input: string;
  readonly output: string;
}

/** Ways to run video codecs. */
export type Hardware = "none" | "cuda";

// copyts: ffmpeg would subtract the start time. max_error_rate: damage is the stream's business.
const COMMON = ["-hide_banner", "-loglevel", "warning", "-nostats", "-nostdin", "-copyts"] as const;
// NUT says all there is to know; probing would wait for frames.
const NO_PROBING = ["-probesize", "32", "-analyzeduration", "0"] as const;
// Without write_index 0 the muxer remembers every syncpoint for ever.
const NUT_OUT = ["-write_index", "0", "-f", "nut"] as const;

function from(url: string, inputOptions: readonly string[]): string[] {
  return [...COMMON, ...NO_PROBING, ...inputOptions, "-f", "nut", "-i", url, "-map", "0"];
}

function to(url: string): string[] {
  return ["-max_error_rate", "1", ...NUT_OUT, "-y", url];
}

/** Pixels of the largest picture that is decoded: 8192x4320, which is more than 8K. */
export const MAX_VIDEO_PIXELS = 8192 * 4320;

/** What a video decoder is to do. */
export interface VideoDecodeArguments extends CodecUrls {
  readonly timeBase: Rational;
  readonly pixelFormat: PixelFormat;
  /** Of the source, and so of what comes out, unless it is tone-mapped. */
  readonly color: ColorInfo;
  /** How a high dynamic range becomes BT.709. @default it stays */
  readonly toneMap?: ToneMapping | undefined;
  /** Of the source's pixels: scaled pictures have square ones. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
  /** Whether pictures come in the order in which they are shown. */
  readonly inOrder: boolean;
  /** Scale to cover and crop to the centre. */
  readonly scale?: Size;
  readonly threads: number;
  readonly hardware: Hardware;
}

/** The arguments of a video decoder: packets in, raw pictures out. */
export function videoDecodeArguments(options: VideoDecodeArguments): string[] {
  const decoder = [
    ...(options.hardware === "cuda" ? ["-hwaccel", "cuda"] : []),
    // With pictures out of order, low_delay would give them out in decoding order.
    // What the search for more of the stream finds out is how pictures are out of order.
    ...(options.inOrder ? ["-nofind_stream_info", "-flags", "low_delay"] : []),
    ...threadOptions(options.threads),
    ...["-max_pixels", `${MAX_VIDEO_PIXELS}`],
  ];
  return [
    ...from(options.input, decoder),
    ...["-vf", decodeFilters(options)],
    // On the output side too: the raw "encoder" is frame-threaded and would hold a frame back.
    ...["-threads", "1", "-c:v", "rawvideo", "-pix_fmt", rawFormat(options)],
    ...["-fps_mode", "passthrough", "-enc_time_base", ratio(options.timeBase)],
    ...to(options.output),
  ];
}

function threadOptions(threads: number): string[] {
  // Frame threads each hold a frame back; slice threads do not.
  return threads === 1 ? ["-threads", "1"] : ["-threads", `${threads}`, "-thread_type", "slice"];
}

function rawFormat({ pixelFormat, color, toneMap }: VideoDecodeArguments): string {
  if (pixelFormat !== "i420") return pixelFormat;
  // Full-range pictures stay as they are: converting them to limited range would cost levels.
  return decodedColor(color, toneMap !== undefined).fullRange ? "yuvj420p" : "yuv420p";
}

function decodeFilters(options: VideoDecodeArguments): string {
  const { scale, pixelFormat, color, toneMap, sampleAspect } = options;
  const filters: string[] = [];
  const rgb = pixelFormat !== "i420";
  const mapping = isHdr(color) ? toneMap : undefined;
  const mapped = mapping !== undefined;
  const scaling = [
    ...(scale === undefined
      ? []
      : [`w=${scale.width}`, `h=${scale.height}`, "force_original_aspect_ratio=increase"]),
    // The stream's VUI decides, not ffmpeg's guess for pictures without one.
    ...(rgb && !mapped ? [`in_color_matrix=${color.matrix}`] : []),
    "flags=bilinear" + (rgb && !mapped ? "+accurate_rnd+full_chroma_int" : ""),
  ];
  // What covers a size depends on how wide the picture is shown.
  if (scale !== undefined && sampleAspect !== undefined) {
    const { num, den } = sampleAspect;
    filters.push(`scale=w=max(2\\,round(iw*${num}/${den})):h=ih:flags=bilinear`, "setsar=1");
  }
  if (scale !== undefined || (rgb && !mapped)) filters.push(`scale=${scaling.join(":")}`);
  if (scale !== undefined) filters.push(`crop=${scale.width}:${scale.height}`);
  if (mapped) return toneMapFilters(color, { mapping, rgb, before: filters });
  return filters.length === 0 ? "null" : filters.join(",");
}

/** What a video encoder is to do. */
export interface VideoEncodeArguments extends CodecUrls {
  readonly width: number;
  readonly height: number;
  readonly pixelFormat: PixelFormat;
  readonly color: ColorInfo;
  /** Of the pixels that come out. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
  /** Size to scale to. @default the pictures' own */
  readonly outputSize?: Size;
  /** About how many pictures a second will come: for the level and the rate control. */
  readonly frameRate: number;
  readonly preset: string;
  /** Constant quality, unless there is a bit rate. */
  readonly crf: number;
  /** Bits per second. */
  readonly bitrate?: number;
  readonly threads: number;
  readonly hardware: Hardware;
}

/** Ticks a second of the clock that encoders run on; odd ticks ask for a keyframe. */
export const ENCODER_CLOCK_RATE = 4096;

/** The arguments of a video encoder: raw pictures in, H.264 without B-frames out. */
export function videoEncodeArguments(options: VideoEncodeArguments): string[] {
  const codec = options.hardware === "cuda" ? nvencOptions(options) : x264Options(options);
  return [
    ...from(options.input, ["-threads", "1"]),
    ...["-vf", encodeFilters(options), "-pix_fmt", "yuv420p"],
    ...["-fps_mode", "passthrough", "-enc_time_base", `1:${ENCODER_CLOCK_RATE}`],
    ...codec,
    ...["-bf", "0", "-forced-idr", "1"],
    // A power of two, so that t, in seconds, is exact and its last bit can be asked for.
    ...["-force_key_frames", `expr:mod(t*${ENCODER_CLOCK_RATE},2)`],
    // Parameter sets belong in the stream, before each keyframe: each segment is decoded alone.
    ...["-flags", "-global_header"],
    ...to(options.output),
  ];
}

function encodeFilters(options: VideoEncodeArguments): string {
  const { pixelFormat, color, outputSize } = options;
  const range = color.fullRange ? "pc" : "tv";
  const { width, height } = even(outputSize ?? options);
  const filters: string[] = [];
  const scaled = outputSize !== undefined &&
    (outputSize.width !== options.width || outputSize.height !== options.height);
  if (!scaled && (width !== options.width || height !== options.height)) {
    filters.push(`crop=${width}:${height}:0:0`);
  }
  if (scaled || pixelFormat !== "i420") {
    const size = scaled ? `w=${width}:h=${height}:` : "";
    const matrix = pixelFormat === "i420" ? "" : `out_color_matrix=${color.matrix}:`;
    const limits = pixelFormat === "i420"
      ? `in_range=${range}:out_range=${range}`
      : `out_range=${range}`;
    filters.push(`scale=${size}${matrix}${limits}:flags=bilinear+accurate_rnd+full_chroma_inp`);
    filters.push("format=yuv420p");
  }
  const { space, primaries, transfer } = colorTags(color);
  const tags = `colorspace=${space}:color_primaries=${primaries}:color_trc=${transfer}`;
  filters.push(`setparams=range=${range}:${tags}`);
  const { sampleAspect } = options;
  if (sampleAspect !== undefined) filters.push(`setsar=${sampleAspect.num}/${sampleAspect.den}`);
  return filters.join(",");
}

/** H.264 in 4:2:0 has even sizes: the last column or row goes. */
function even({ width, height }: { width: number; height: number }): {
  width: number;
  height: number;
} {
  return { width: width - width % 2, height: height - height % 2 };
}

// Keyframes come when they are asked for, and only then.
const NEVER = "1000000";

function x264Options(options: VideoEncodeArguments): string[] {
  const threads = options.threads === 0 ? [] : ["-threads", `${options.threads}`];
  return [
    ...["-c:v", "libx264", "-preset", options.preset, "-tune", "zerolatency"],
    ...["-g", NEVER, "-keyint_min", "1", "-sc_threshold", "0"],
    // Else x264 takes the clock rate for the frame rate and picks an absurd level.
    ...["-x264-params", `fps=${options.frameRate}`],
    ...threads,
    ...(options.bitrate === undefined
      ? ["-crf", `${options.crf}`]
      : bitrateOptions(options.bitrate)),
  ];
}

function nvencOptions(options: VideoEncodeArguments): string[] {
  const rate = options.bitrate === undefined
    ? ["-rc", "vbr", "-cq", `${options.crf}`, "-b:v", "0"]
    : ["-rc", "cbr", ...bitrateOptions(options.bitrate)];
  return [
    ...["-c:v", "h264_nvenc", "-preset", "p3", "-tune", "ull", "-zerolatency", "1", "-delay", "0"],
    ...["-g", NEVER, "-no-scenecut", "1", "-surfaces", "4"],
    ...rate,
  ];
}

function bitrateOptions(bitrate: number): string[] {
  return ["-b:v", `${bitrate}`, "-maxrate", `${bitrate}`, "-bufsize", `${Math.ceil(bitrate / 2)}`];
}

/** Decoders that have to be named: the codec's code in NUT is another's, or ffmpeg knows none. */
const NAMED_AUDIO_DECODERS: Readonly<Partial<Record<AudioCodec, string>>> = {
  eac3: "eac3",
  dts: "dca",
  aac_latm: "aac_latm",
  s302m: "s302m",
  pcm_bluray: "pcm_bluray",
  truehd: "truehd",
};

function audioInput(codec: AudioCodec | undefined): string[] {
  const decoder = codec === undefined ? undefined : NAMED_AUDIO_DECODERS[codec];
  return [...(decoder === undefined ? [] : ["-c:a", decoder]), "-threads", "1"];
}

/** The arguments of an audio decoder: packets in, interleaved 32-bit float samples out. */
export function audioDecodeArguments(urls: CodecUrls & { readonly source: AudioCodec }): string[] {
  return [
    ...from(urls.input, audioInput(urls.source)),
    ...["-threads", "1", "-c:a", "pcm_f32le"],
    ...to(urls.output),
  ];
}

/** ffmpeg's names of what each `channelConfiguration` of AAC stands for, by channels. */
const AAC_LAYOUTS: Readonly<Record<number, string>> = {
  1: "mono",
  2: "stereo",
  3: "3.0",
  4: "4.0",
  5: "5.0",
  6: "5.1",
};

/** What an audio encoder is to do. */
export interface AudioEncodeArguments extends CodecUrls {
  /** Codec of the packets that come in. @default they are samples */
  readonly source?: AudioCodec;
  readonly codec: "opus" | "aac";
  readonly sampleRate: number;
  readonly channels: number;
  /** Whether the input has more channels than that. */
  readonly downmix: boolean;
  /** Bits per second. */
  readonly bitrate: number;
}

/** The arguments of an audio encoder or transcoder: samples or packets in, packets out. */
export function audioEncodeArguments(options: AudioEncodeArguments): string[] {
  const codec = options.codec === "opus"
    ? ["-c:a", "libopus", "-frame_duration", "20", "-application", "audio"]
    : ["-c:a", "aac"];
  // Without a limit, six loud channels would add up to more than full scale.
  const filters = options.downmix ? ["aresample=rematrix_maxval=1.0"] : [];
  // Six channels are also front and side: AAC would need a program config element to say so.
  const layout = options.codec === "aac" ? AAC_LAYOUTS[options.channels] : undefined;
  if (layout !== undefined) filters.push(`aformat=channel_layouts=${layout}`);
  return [
    ...from(options.input, audioInput(options.source)),
    ...["-threads", "1", "-ar", `${options.sampleRate}`, "-ac", `${options.channels}`],
    ...(filters.length === 0 ? [] : ["-af", filters.join(",")]),
    ...[...codec, "-b:a", `${options.bitrate}`],
    ...to(options.output),
  ];
}

function ratio(timeBase: Rational): string {
  return `${timeBase.num}:${timeBase.den}`;
}

/**
 * What flows between the containers and the codec engine: elementary streams and their packets.
 *
 * @module
 */

import type { Rational } from "../base/rational.ts";
import type { Size } from "./rect.ts";

/**
 * Compressed video formats that Runnel reads, by their names in ffmpeg; it writes `h264`. `mpeg2video`
 * is also MPEG-1, `mpeg4` is part 2.
 */
export type VideoCodec = "h264" | "hevc" | "mpeg2video" | PlainVideoCodec;

/** Formats of which nothing but the access units is known: the decoder says how large pictures are. */
export type PlainVideoCodec = "mpeg4" | "vc1" | "cavs" | "dirac" | "av1" | "jpeg2000";

/**
 * Audio formats that Runnel reads, by their names in ffmpeg; it writes `opus` and `aac`. `aac_latm` is
 * AAC in LOAS frames, `mp2` also layer I; `s302m` and `pcm_bluray` are not compressed.
 */
export type AudioCodec =
  | ("aac" | "opus" | "mp3" | "ac3" | "mp2" | "eac3" | "dts" | "aac_latm")
  | ("s302m" | "pcm_bluray" | "truehd");

/** Layouts of raw pictures that pass between ffmpeg and Runnel. `i420` is planar YUV 4:2:0, 8 bits. */
export type PixelFormat = "i420" | "rgb24" | "rgba";

/** `colour_primaries` of ISO/IEC 23091-2 section 8.1, by their names in ffmpeg. */
export type ColorPrimaries =
  | "bt709"
  | "bt470m"
  | "bt470bg"
  | "smpte170m"
  | "smpte240m"
  | "film"
  | "bt2020"
  | "smpte428"
  | "smpte431"
  | "smpte432"
  | "jedec-p22";

/** `transfer_characteristics` of ISO/IEC 23091-2 section 8.2, by their names in ffmpeg. */
export type ColorTransfer =
  | "bt709"
  | "bt470m"
  | "bt470bg"
  | "smpte170m"
  | "smpte240m"
  | "linear"
  | "log100"
  | "log316"
  | "iec61966-2-4"
  | "bt1361e"
  | "iec61966-2-1"
  | "bt2020-10"
  | "bt2020-12"
  | "smpte2084"
  | "smpte428"
  | "arib-std-b67";

/** How the YUV values of a picture are meant: from the sequence parameter set's VUI. */
export interface ColorInfo {
  /** `matrix_coefficients`, reduced to what converts differently. */
  readonly matrix: "bt601" | "bt709" | "bt2020";
  /** `video_full_range_flag`: 0–255 instead of 16–235. */
  readonly fullRange: boolean;
  /** @default those that go with the matrix */
  readonly primaries?: ColorPrimaries;
  /** @default the one that goes with the matrix */
  readonly transfer?: ColorTransfer;
}

/** What pictures of a stream look like. */
export interface PictureInfo extends Size {
  readonly color: ColorInfo;
  /** Width of a pixel in its heights, in lowest terms. @default 1:1 */
  readonly sampleAspect?: Rational | undefined;
}

/** A compressed video stream as the container and its parameter sets describe it. */
export interface VideoStreamInfo extends PictureInfo {
  readonly kind: "video";
  readonly codec: VideoCodec;
  /**
   * Picture width in pixels after cropping; 0 until a parameter set was seen, and for formats whose
   * size only the decoder knows.
   */
  readonly width: number;
  /** Picture height in pixels after cropping; 0 where the width is. */
  readonly height: number;
  /** The most pictures that a decoder must hold back to put them in display order (B-frames). */
  readonly reorderDepth: number;
}

/** A compressed audio stream. */
export interface AudioStreamInfo {
  readonly kind: "audio";
  readonly codec: AudioCodec;
  /** Samples per second and channel. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Codec configuration: AudioSpecificConfig for `aac`, OpusHead for `opus`; empty when in-band. */
  readonly extradata: Uint8Array;
}

/** One elementary stream. */
export type StreamInfo = VideoStreamInfo | AudioStreamInfo;

/**
 * One access unit: an encoded picture, or one frame of audio. H.264 and HEVC are Annex B byte streams;
 * AAC is raw (no ADTS header; the configuration is in {@linkcode AudioStreamInfo.extradata}); Opus is
 * one Opus packet without control header.
 */
export interface Packet {
  readonly kind: "video" | "audio";
  /** Presentation time in ticks of the stream's time base, unwrapped: it only jumps where the source does. */
  readonly ptsTicks: number;
  /** Decoding time in the same ticks; equals `ptsTicks` without B-frames. */
  readonly dtsTicks: number;
  /** Whether decoding can start here. */
  readonly keyframe: boolean;
  readonly data: Uint8Array;
}

/** A packet together with the time base its ticks count in. */
export interface TimedPacket extends Packet {
  readonly timeBase: Rational;
}

/**
 * Constants of the NUT open container format ("NUT Open Container Format", versions 3 and 4): the
 * file id string, start codes (section "Constants"), frame flags (section "Frame") and
 * four-character codes.
 *
 * @module
 */

/** `file_id_string`: the first bytes of every NUT file. */
export const FILE_ID: Uint8Array = new TextEncoder().encode("nut/multimedia container\0");

/** The first byte of every start code: `N`. No frame may use it as its frame code. */
export const START_CODE_BYTE = 0x4e;

/** Start codes as pairs of 32-bit halves: 64 bits do not fit a number. */
export interface StartCode {
  /** The first four bytes, big-endian. */
  readonly high: number;
  /** The last four bytes, big-endian. */
  readonly low: number;
}

/** `main_startcode`. */
export const MAIN_START_CODE: StartCode = { high: 0x4e4d7a56, low: 0x1f5f04ad };
/** `stream_startcode`. */
export const STREAM_START_CODE: StartCode = { high: 0x4e531140, low: 0x5bf2f9db };
/** `syncpoint_startcode`. */
export const SYNCPOINT_START_CODE: StartCode = { high: 0x4e4be4ad, low: 0xeeca4569 };
/** `index_startcode`. */
export const INDEX_START_CODE: StartCode = { high: 0x4e58dd67, low: 0x2f23e64e };
/** `info_startcode`. */
export const INFO_START_CODE: StartCode = { high: 0x4e49ab68, low: 0xb596ba78 };

/** A packet header carries its own checksum when its forward pointer exceeds this. */
export const HEADER_CHECKSUM_ABOVE = 4096;
/** Elision headers do not apply to frames above this size. */
export const ELISION_SIZE_MAX = 4096;
/** `max_distance` as written: the most a reader accepts between syncpoints. */
export const MAX_DISTANCE = 65_536;

/** Bits of `frame_flags`. */
export const FrameFlag: {
  readonly KEY: 1;
  readonly EOR: 2;
  readonly CODED_PTS: 8;
  readonly STREAM_ID: 16;
  readonly SIZE_MSB: 32;
  readonly CHECKSUM: 64;
  readonly RESERVED: 128;
  readonly SM_DATA: 256;
  readonly HEADER_IDX: 1024;
  readonly MATCH_TIME: 2048;
  readonly CODED: 4096;
  readonly INVALID: 8192;
} = Object.freeze({
  KEY: 1,
  EOR: 2,
  CODED_PTS: 8,
  STREAM_ID: 16,
  SIZE_MSB: 32,
  CHECKSUM: 64,
  RESERVED: 128,
  SM_DATA: 256,
  HEADER_IDX: 1024,
  MATCH_TIME: 2048,
  CODED: 4096,
  INVALID: 8192,
});

/** Bits of `main_flags` (version 4). */
export const MainFlag: { readonly BROADCAST: 1; readonly PIPE: 2 } = Object.freeze({
  /** Syncpoints carry the wall clock. */
  BROADCAST: 1,
  /** Only the first frame follows a syncpoint: for transports that lose nothing. */
  PIPE: 2,
});

/** Video formats that have a four-character code here. */
export type NutVideoFormat =
  | ("h264" | "hevc" | "mpeg2video" | "mpeg4" | "vc1" | "cavs" | "dirac" | "av1" | "jpeg2000")
  | ("i420" | "nv12" | "rgb24" | "rgba");

/** Audio formats that have a code here; the PCM ones are interleaved, little-endian. */
export type NutAudioFormat =
  | ("aac" | "opus" | "mp3" | "ac3" | "mp2" | "eac3" | "dts" | "aac_latm")
  | ("s302m" | "pcm_bluray" | "truehd" | "f32le" | "s16le");

const VIDEO_CODES: Readonly<Record<NutVideoFormat, string>> = {
  h264: "H264",
  hevc: "HEVC",
  mpeg2video: "mpg2",
  mpeg4: "mp4v",
  vc1: "WVC1",
  cavs: "CAVS",
  dirac: "drac",
  av1: "AV01",
  jpeg2000: "MJ2C",
  i420: "I420",
  nv12: "NV12",
  rgb24: "RGB\x18",
  rgba: "RGBA",
};

// AAC, MP3 and their like are named by their WAVE format tags, little-endian. E-AC-3 shares that of
// AC-3 in ffmpeg: a decoder for it has to be named.
const AUDIO_CODES: Readonly<Record<NutAudioFormat, string>> = {
  aac: "\xff\0\0\0",
  opus: "Opus",
  mp3: "\x55\0\0\0",
  ac3: "\x00\x20\0\0",
  mp2: "\x50\0\0\0",
  eac3: "EAC3",
  dts: "\x01\x20\0\0",
  aac_latm: "\x02\x16\0\0",
  s302m: "BSSD",
  pcm_bluray: "BDPM",
  truehd: "mlpa",
  f32le: "PFD\x20",
  s16le: "PSD\x10",
};

/** The four-character code of a video format, as bytes. */
export function videoFourcc(format: NutVideoFormat): Uint8Array {
  return latin1Bytes(VIDEO_CODES[format]);
}

/** The code of an audio format, as bytes. */
export function audioFourcc(format: NutAudioFormat): Uint8Array {
  return latin1Bytes(AUDIO_CODES[format]);
}

/** The video format that a code stands for, or undefined. */
export function videoFormatOf(fourcc: Uint8Array): NutVideoFormat | undefined {
  const text = latin1Text(fourcc);
  const formats = Object.keys(VIDEO_CODES) as NutVideoFormat[];
  return formats.find((format) => VIDEO_CODES[format] === text);
}

/** The audio format that a code stands for, or undefined. Two-byte WAVE tags count too. */
export function audioFormatOf(fourcc: Uint8Array): NutAudioFormat | undefined {
  const text = latin1Text(fourcc).padEnd(4, "\0");
  const formats = Object.keys(AUDIO_CODES) as NutAudioFormat[];
  return formats.find((format) => AUDIO_CODES[format] === text);
}

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function latin1Text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

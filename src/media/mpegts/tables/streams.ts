/**
 * What a program map says of an elementary stream.
 *
 * Spec: ISO/IEC 13818-1 Table 2-34 (stream_type) and section 2.6.8 (registration descriptor); the
 * Opus in MPEG-TS draft, section 4.2; ETSI TS 101 154 Annex on AC-3.
 */

import type { AudioCodec, VideoCodec } from "../../types.ts";
import { opusHeadFromChannelConfig, writeOpusHead } from "../../bitstream/mod.ts";
import type { Descriptor, Pmt, PmtStream } from "./psi.ts";
import {
  ALIGNED_TO_ACCESS_UNITS,
  DESCRIPTOR,
  FORMAT,
  type Medium,
  OPUS_EXTENSION_TAG,
  OTHER_STREAM_TYPES,
  STREAM_TYPE,
} from "../numbers.ts";

/** An elementary stream that this demuxer does not read. */
export interface UnsupportedStream {
  readonly medium: Medium;
  readonly streamType: number;
  readonly pid: number;
  /** What it is, for people: `"AAC in LATM"`. */
  readonly name: string;
}

/** A video stream of a program. */
export interface VideoEntry {
  readonly kind: "video";
  readonly pid: number;
  readonly codec: VideoCodec;
}

/** An audio stream of a program. */
export interface AudioEntry {
  readonly kind: "audio";
  readonly pid: number;
  readonly codec: AudioCodec;
  /** OpusHead for Opus; empty for what the frames' own headers configure. */
  readonly extradata: Uint8Array;
  /** Channels where the program map says them, else 0. */
  readonly channels: number;
  readonly streamType: number;
  /** Nothing says that it is audio: it is once there are frames in it. @default false */
  readonly isGuess?: boolean;
}

/** What one entry of a program map is. */
export type StreamEntry =
  | VideoEntry
  | AudioEntry
  | ({ readonly kind: "unsupported" } & UnsupportedStream);

/** What is read of a program. */
export interface ProgramStreams {
  readonly video: VideoEntry | undefined;
  /** Whether the program map promises that PES packets of the video begin with access units. */
  readonly isAligned: boolean;
  readonly audio: AudioEntry | undefined;
  /** Further audio streams, for when that one does not come. */
  readonly otherAudio: readonly AudioEntry[];
  readonly unsupported: readonly UnsupportedStream[];
}

/** Chooses the first video and the first audio stream of a program map. */
export function chooseStreams(pmt: Pmt): ProgramStreams {
  const entries = identifyStreams(pmt);
  const video = entries.find((entry) => entry.kind === "video");
  const [first, ...otherAudio] = entries.filter((entry) => entry.kind === "audio");
  const audio = first ?? guessAudio(pmt);
  const unsupported = entries.flatMap((entry) => {
    if (entry.kind !== "unsupported") return [];
    const { medium, streamType, pid, name } = entry;
    return [{ medium, streamType, pid, name }];
  });
  const descriptors = pmt.streams.find(({ pid }) => pid === video?.pid)?.descriptors;
  const isAligned =
    descriptors?.some(({ tag, data }) =>
      tag === DESCRIPTOR.DATA_STREAM_ALIGNMENT && data[0] === ALIGNED_TO_ACCESS_UNITS
    ) === true;
  return { video, isAligned, audio, otherAudio, unsupported };
}

/**
 * Tells what the entries of a program map are, by their stream types and, for private ones,
 * descriptors. `HDMV` programs (Blu-ray) give some stream types a meaning of their own.
 */
export function identifyStreams(pmt: Pmt): StreamEntry[] {
  const isHdmv = registration(pmt.descriptors ?? []) === FORMAT.HDMV;
  return pmt.streams.map((stream) => identifyStream(stream, isHdmv));
}

/**
 * A private stream of which nothing is said, where no other is audio: some muxers say nothing of AAC
 * in `HDMV` programs.
 */
function guessAudio(pmt: Pmt): AudioEntry | undefined {
  const silent = pmt.streams.find(({ streamType, descriptors }) =>
    streamType === STREAM_TYPE.PRIVATE_PES && descriptors.length === 0
  );
  return silent === undefined ? undefined : { ...inBandAudio(silent, "aac"), isGuess: true };
}

function identifyStream(stream: PmtStream, isHdmv: boolean): StreamEntry {
  const { streamType, pid } = stream;
  switch (streamType) {
    case STREAM_TYPE.H264:
      return { kind: "video", pid, codec: "h264" };
    case STREAM_TYPE.HEVC:
      return { kind: "video", pid, codec: "hevc" };
    case STREAM_TYPE.MPEG1_VIDEO:
    case STREAM_TYPE.MPEG2_VIDEO:
      return { kind: "video", pid, codec: "mpeg2video" };
    case STREAM_TYPE.JPEG2000:
      return { kind: "video", pid, codec: "jpeg2000" };
    case STREAM_TYPE.MPEG4_VIDEO:
      return { kind: "video", pid, codec: "mpeg4" };
    case STREAM_TYPE.VC1:
      return { kind: "video", pid, codec: "vc1" };
    case STREAM_TYPE.AVS:
      return { kind: "video", pid, codec: "cavs" };
    case STREAM_TYPE.DIRAC:
      return { kind: "video", pid, codec: "dirac" };
    case STREAM_TYPE.AAC_ADTS:
      return inBandAudio(stream, "aac");
    case STREAM_TYPE.AAC_LATM:
      return inBandAudio(stream, "aac_latm");
    case STREAM_TYPE.MPEG1_AUDIO:
    case STREAM_TYPE.MPEG2_AUDIO:
      return inBandAudio(stream, "mp3");
    case STREAM_TYPE.AC3:
      return inBandAudio(stream, "ac3");
    case STREAM_TYPE.EAC3:
    case STREAM_TYPE.EAC3_HDMV:
    case STREAM_TYPE.EAC3_SECONDARY:
      return inBandAudio(stream, "eac3");
    case STREAM_TYPE.DTS_HD:
    case STREAM_TYPE.DTS_ATSC:
    case STREAM_TYPE.DTS_UHD:
    case STREAM_TYPE.DTS_SECONDARY:
      return inBandAudio(stream, "dts");
    case STREAM_TYPE.DTS:
      if (registration(stream.descriptors) === FORMAT.SCTE_27) return unsupported(stream);
      return inBandAudio(stream, "dts");
    case STREAM_TYPE.DTS_HD_MASTER:
      return isHdmv ? inBandAudio(stream, "dts") : unsupported(stream);
    case STREAM_TYPE.TRUEHD:
      return inBandAudio(stream, "truehd");
    case STREAM_TYPE.LPCM_HDMV:
      return isHdmv ? inBandAudio(stream, "pcm_bluray") : unsupported(stream);
    case STREAM_TYPE.PRIVATE_PES:
      return identifyPrivate(stream);
    default:
      return unsupported(stream);
  }
}

function identifyPrivate(stream: PmtStream): StreamEntry {
  const { pid } = stream;
  const format = registration(stream.descriptors);
  switch (format) {
    case FORMAT.OPUS:
      return opusStream(stream);
    case FORMAT.AC3:
      return inBandAudio(stream, "ac3");
    case FORMAT.EAC3:
      return inBandAudio(stream, "eac3");
    case FORMAT.DTS1:
    case FORMAT.DTS2:
    case FORMAT.DTS3:
      return inBandAudio(stream, "dts");
    case FORMAT.S302M:
      return inBandAudio(stream, "s302m");
    case FORMAT.H264:
      return { kind: "video", pid, codec: "h264" };
    case FORMAT.HEVC:
      return { kind: "video", pid, codec: "hevc" };
    case FORMAT.ID3:
      return unsupported(stream, "data", "ID3 metadata");
    case FORMAT.KLVA:
      return unsupported(stream, "data", "KLV metadata");
    case FORMAT.AV1:
      return { kind: "video", pid, codec: "av1" };
    case FORMAT.VC1:
      return { kind: "video", pid, codec: "vc1" };
    case FORMAT.DIRAC:
      return { kind: "video", pid, codec: "dirac" };
  }
  for (const [tag, codec] of DVB_AUDIO) {
    if (find(stream.descriptors, tag)) return inBandAudio(stream, codec);
  }
  if (find(stream.descriptors, DESCRIPTOR.DVB_TELETEXT)) {
    return unsupported(stream, "data", "teletext");
  }
  if (find(stream.descriptors, DESCRIPTOR.DVB_SUBTITLES)) {
    return unsupported(stream, "data", "DVB subtitles");
  }
  return unsupported(stream);
}

/** ETSI EN 300 468 annexes D (AC-3), G (DTS) and H (AAC). */
const DVB_AUDIO: readonly (readonly [tag: number, codec: AudioCodec])[] = [
  [DESCRIPTOR.DVB_AC3, "ac3"],
  [DESCRIPTOR.DVB_EAC3, "eac3"],
  [DESCRIPTOR.DVB_DTS, "dts"],
  [DESCRIPTOR.DVB_AAC, "aac"],
];

function opusStream(stream: PmtStream): StreamEntry {
  const config = stream.descriptors.find((descriptor) =>
    descriptor.tag === DESCRIPTOR.DVB_EXTENSION && descriptor.data[0] === OPUS_EXTENSION_TAG
  );
  // Without the descriptor nothing is known; stereo is what nearly all streams are.
  const code = config?.data[1] ?? 2;
  const head = opusHeadFromChannelConfig(code);
  if (head === undefined) {
    return unsupported(stream, "audio", `Opus with channel configuration ${code}`);
  }
  const { channels } = head;
  return {
    kind: "audio",
    pid: stream.pid,
    streamType: stream.streamType,
    codec: "opus",
    extradata: writeOpusHead(head),
    channels,
  };
}

function inBandAudio({ pid, streamType }: PmtStream, codec: AudioCodec): AudioEntry {
  return { kind: "audio", pid, streamType, codec, extradata: new Uint8Array(0), channels: 0 };
}

function unsupported(stream: PmtStream, medium?: Medium, name?: string): StreamEntry {
  const { streamType, pid } = stream;
  const known = OTHER_STREAM_TYPES.get(streamType);
  const hex = `0x${streamType.toString(16).padStart(2, "0")}`;
  return {
    kind: "unsupported",
    medium: medium ?? known?.[0] ?? "data",
    streamType,
    pid,
    name: name ?? known?.[1] ?? `stream type ${hex}`,
  };
}

/** The stream of an audio entry in whose data nothing is a frame. */
export function unrecognizedAudio({ streamType, pid, codec }: AudioEntry): UnsupportedStream {
  return { medium: "audio", streamType, pid, name: `unrecognizable ${codec} audio` };
}

function find(descriptors: readonly Descriptor[], tag: number): Descriptor | undefined {
  return descriptors.find((descriptor) => descriptor.tag === tag);
}

function registration(descriptors: readonly Descriptor[]): string | undefined {
  const data = find(descriptors, DESCRIPTOR.REGISTRATION)?.data;
  return data === undefined ? undefined : String.fromCharCode(...data.subarray(0, 4));
}

/**
 * What a program map says of an elementary stream.
 *
 * Spec: ISO/IEC 13818-1 Table 2-34 (stream_type) and section 2.6.8 (registration descriptor); the
 * Opus in MPEG-TS draft, section 4.2; ETSI TS 101 154 Annex on AC-3.
 */

import type { AudioCodec, VideoCodec } from "../types.ts";
import { opusHeadFromChannelConfig, writeOpusHead } from "../bitstream/mod.ts";
import type { Descriptor, PmtStream } from "./psi.ts";
import {
  DESCRIPTOR,
  FORMAT,
  type Medium,
  OPUS_EXTENSION_TAG,
  OTHER_STREAM_TYPES,
  STREAM_TYPE,
} from "./tables.ts";

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
}

/** What one entry of a program map is. */
export type StreamEntry =
  | VideoEntry
  | AudioEntry
  | ({ readonly kind: "unsupported" } & UnsupportedStream);

/**
 * Tells what an entry of a program map is, by its stream type and, for private ones, descriptors.
 */
export function identifyStream(stream: PmtStream): StreamEntry {
  const { streamType, pid } = stream;
  switch (streamType) {
    case STREAM_TYPE.H264:
      return { kind: "video", pid, codec: "h264" };
    case STREAM_TYPE.HEVC:
      return { kind: "video", pid, codec: "hevc" };
    case STREAM_TYPE.AAC_ADTS:
      return inBandAudio(pid, "aac");
    case STREAM_TYPE.MPEG1_AUDIO:
    case STREAM_TYPE.MPEG2_AUDIO:
      return inBandAudio(pid, "mp3");
    case STREAM_TYPE.AC3:
      return inBandAudio(pid, "ac3");
    case STREAM_TYPE.PRIVATE_PES:
      return identifyPrivate(stream);
    default:
      return unsupported(stream);
  }
}

function identifyPrivate(stream: PmtStream): StreamEntry {
  const { pid } = stream;
  const format = registration(stream);
  switch (format) {
    case FORMAT.OPUS:
      return opusStream(stream);
    case FORMAT.AC3:
      return inBandAudio(pid, "ac3");
    case FORMAT.H264:
      return { kind: "video", pid, codec: "h264" };
    case FORMAT.HEVC:
      return { kind: "video", pid, codec: "hevc" };
    case FORMAT.EAC3:
      return unsupported(stream, "audio", "E-AC-3 audio");
    case FORMAT.DTS1:
    case FORMAT.DTS2:
    case FORMAT.DTS3:
      return unsupported(stream, "audio", "DTS audio");
    case FORMAT.ID3:
      return unsupported(stream, "data", "ID3 metadata");
    case FORMAT.KLVA:
      return unsupported(stream, "data", "KLV metadata");
    case FORMAT.AV1:
      return unsupported(stream, "video", "AV1 video");
  }
  if (find(stream, DESCRIPTOR.DVB_AC3)) return inBandAudio(pid, "ac3");
  if (find(stream, DESCRIPTOR.DVB_EAC3)) return unsupported(stream, "audio", "E-AC-3 audio");
  if (find(stream, DESCRIPTOR.DVB_TELETEXT)) return unsupported(stream, "data", "teletext");
  if (find(stream, DESCRIPTOR.DVB_SUBTITLES)) return unsupported(stream, "data", "DVB subtitles");
  return unsupported(stream);
}

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
    codec: "opus",
    extradata: writeOpusHead(head),
    channels,
  };
}

function inBandAudio(pid: number, codec: AudioCodec): AudioEntry {
  return { kind: "audio", pid, codec, extradata: new Uint8Array(0), channels: 0 };
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

function find(stream: PmtStream, tag: number): Descriptor | undefined {
  return stream.descriptors.find((descriptor) => descriptor.tag === tag);
}

function registration(stream: PmtStream): string | undefined {
  const data = find(stream, DESCRIPTOR.REGISTRATION)?.data;
  return data === undefined ? undefined : String.fromCharCode(...data.subarray(0, 4));
}

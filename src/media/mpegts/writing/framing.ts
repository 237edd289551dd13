/**
 * What each codec needs in front of an access unit in MPEG-TS, and how the program map lists it.
 *
 * Spec: ISO/IEC 13818-1 section 2.14 (H.264: an access unit delimiter is mandatory) and 2.17
 * (HEVC); ISO/IEC 14496-3 section 1.A.2 (ADTS); the Opus in MPEG-TS draft, sections 4.2 and 4.3.
 */

import { MediaError } from "../../../base/errors.ts";
import {
  aacChannels,
  type AacConfig,
  ADTS_HEADER_BYTES,
  assertAdtsConfig,
  findNalUnit,
  H264_NAL,
  HEVC_NAL,
  opusChannelConfig,
  opusControlHeaderBytes,
  parseAacConfig,
  parseOpusHead,
  programConfigPrefix,
  startsWithProgramConfig,
  writeAdtsHeader,
  writeOpusControlHeader,
} from "../../bitstream/mod.ts";
import type { AudioStreamInfo, VideoCodec } from "../../types.ts";
import type { Descriptor, PmtStream } from "../tables/psi.ts";
import {
  ALIGNED_TO_ACCESS_UNITS,
  DESCRIPTOR,
  FORMAT,
  OPUS_EXTENSION_TAG,
  PID,
  STREAM_ID,
  STREAM_TYPE,
} from "../numbers.ts";

/** How one elementary stream is carried. */
export interface Framing {
  readonly streamId: number;
  readonly entry: PmtStream;
  /** Bytes that go in front of this access unit. */
  prefixBytes(data: Uint8Array): number;
  /** Writes those bytes at `offset` of `target`. */
  writePrefix(data: Uint8Array, target: Uint8Array, offset: number): void;
}

/** What the muxer must know of the audio stream. */
export type MuxAudio = Pick<AudioStreamInfo, "codec" | "sampleRate" | "channels" | "extradata">;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** A delimiter that allows any slice type. */
const H264_DELIMITER = Uint8Array.of(0, 0, 0, 1, H264_NAL.AUD, 0xF0);
const HEVC_DELIMITER = Uint8Array.of(0, 0, 0, 1, HEVC_NAL.AUD << 1, 1, 0x50);

/** Each PES packet begins with an access unit: whoever demuxes them need not wait for the next. */
const H264_ALIGNMENT: Descriptor = {
  tag: DESCRIPTOR.DATA_STREAM_ALIGNMENT,
  data: Uint8Array.of(ALIGNED_TO_ACCESS_UNITS),
};

/**
 * How video is carried: as an Annex B stream with an access unit delimiter before each picture. Throws
 * a {@linkcode MediaError} `MEDIA_UNSUPPORTED_CODEC` for other codecs than H.264 and HEVC.
 */
export function videoFraming(codec: VideoCodec): Framing {
  if (codec !== "h264" && codec !== "hevc") {
    throw new MediaError("MEDIA_UNSUPPORTED_CODEC", `Cannot write ${codec}: encode it as h264`);
  }
  const delimiter = codec === "h264" ? H264_DELIMITER : HEVC_DELIMITER;
  const header = delimiter[4]!;
  return {
    streamId: STREAM_ID.VIDEO,
    entry: {
      streamType: codec === "h264" ? STREAM_TYPE.H264 : STREAM_TYPE.HEVC,
      pid: PID.VIDEO,
      descriptors: [codec === "h264" ? H264_ALIGNMENT : registration(FORMAT.HEVC)],
    },
    prefixBytes: (data) => data[findNalUnit(data, 0)] === header ? 0 : delimiter.length,
    writePrefix: (_data, target, offset) => target.set(delimiter, offset),
  };
}

/**
 * How audio is carried. Throws a {@linkcode MediaError} `MEDIA_UNSUPPORTED_CODEC` or
 * `MEDIA_BAD_FRAME` when the codec configuration cannot be.
 */
export function audioFraming(audio: MuxAudio): Framing {
  switch (audio.codec) {
    case "aac":
      return aacFraming(aacConfig(audio));
    case "opus":
      return opusFraming(audio);
    case "mp3":
    case "mp2":
      return bareFraming(STREAM_TYPE.MPEG1_AUDIO, STREAM_ID.AUDIO, []);
    case "ac3":
      return bareFraming(STREAM_TYPE.AC3, STREAM_ID.PRIVATE_1, [registration(FORMAT.AC3)]);
    case "eac3":
      return bareFraming(STREAM_TYPE.EAC3, STREAM_ID.PRIVATE_1, [registration(FORMAT.EAC3)]);
    case "dts":
      return bareFraming(STREAM_TYPE.DTS, STREAM_ID.PRIVATE_1, [registration(FORMAT.DTS1)]);
    case "aac_latm":
      return bareFraming(STREAM_TYPE.AAC_LATM, STREAM_ID.AUDIO, []);
    case "s302m":
    case "pcm_bluray":
    case "truehd":
      throw new MediaError(
        "MEDIA_UNSUPPORTED_CODEC",
        `Cannot write ${audio.codec}: encode it as aac or opus`,
      );
  }
}

/** Whether MPEG-TS can carry an audio stream as it is. */
export function canMuxAudio(audio: MuxAudio): boolean {
  try {
    audioFraming(audio);
    return true;
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return false;
  }
}

function aacConfig(audio: MuxAudio): AacConfig {
  const config = parseAacConfig(audio.extradata);
  assertAdtsConfig(config);
  const channels = config.programConfig?.channels ?? aacChannels(config.channelConfiguration);
  if (channels === audio.channels) return config;
  throw new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot write AAC with ${audio.channels} channels: its configuration says ` +
      `${channels}; give the encoder's own extradata`,
    { context: { channels: audio.channels, channelConfiguration: config.channelConfiguration } },
  );
}

function aacFraming(config: AacConfig): Framing {
  const { programConfig } = config;
  const prefix = programConfig === undefined ? NO_BYTES : programConfigPrefix(programConfig);
  // The header cannot say these channels: the frame has to, if it does not already.
  const element = (data: Uint8Array): Uint8Array =>
    startsWithProgramConfig(data) ? NO_BYTES : prefix;
  return {
    streamId: STREAM_ID.AUDIO,
    entry: { streamType: STREAM_TYPE.AAC_ADTS, pid: PID.AUDIO, descriptors: [] },
    prefixBytes: (data) => ADTS_HEADER_BYTES + element(data).length,
    writePrefix: (data, target, offset) => {
      const inFront = element(data);
      writeAdtsHeader(config, inFront.length + data.length, { target, offset });
      target.set(inFront, offset + ADTS_HEADER_BYTES);
    },
  };
}

function opusFraming(audio: MuxAudio): Framing {
  const code = opusChannelConfig(parseOpusHead(audio.extradata));
  const configuration = {
    tag: DESCRIPTOR.DVB_EXTENSION,
    data: Uint8Array.of(OPUS_EXTENSION_TAG, code),
  };
  return {
    streamId: STREAM_ID.PRIVATE_1,
    entry: {
      streamType: STREAM_TYPE.PRIVATE_PES,
      pid: PID.AUDIO,
      descriptors: [registration(FORMAT.OPUS), configuration],
    },
    prefixBytes: (data) => opusControlHeaderBytes(data.length),
    writePrefix: (data, target, offset) => writeOpusControlHeader(data.length, { target, offset }),
  };
}

/** Codecs whose frames go as they are. */
function bareFraming(
  streamType: number,
  streamId: number,
  descriptors: readonly Descriptor[],
): Framing {
  return {
    streamId,
    entry: { streamType, pid: PID.AUDIO, descriptors },
    prefixBytes: () => 0,
    writePrefix: () => {},
  };
}

function registration(format: string): Descriptor {
  const data = Uint8Array.from(format, (character) => character.charCodeAt(0));
  return { tag: DESCRIPTOR.REGISTRATION, data };
}

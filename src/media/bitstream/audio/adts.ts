/**
 * ADTS: AAC frames with a header each.
 *
 * Spec: ISO/IEC 14496-3 section 1.A.2 (adts_fixed_header, adts_variable_header).
 */

import { MediaError } from "../../../base/errors.ts";
import { AAC_SAMPLE_RATES, aacChannels, type AacConfig } from "./aac_config.ts";
import type { AudioFrameHeader } from "./audio_frame.ts";

/** Bytes of the header that {@linkcode writeAdtsHeader} writes (no CRC). */
export const ADTS_HEADER_BYTES = 7;

const CRC_BYTES = 2;
const SAMPLES_PER_BLOCK = 1024;
const MAX_FRAME_BYTES = 0x1FFF;

/** One ADTS frame. */
export interface AdtsHeader extends AudioFrameHeader {
  /** `audioObjectType`: 2 is AAC-LC. */
  readonly objectType: number;
  readonly channelConfiguration: number;
}

/** Parses the ADTS header at `offset`. */
export function parseAdtsHeader(data: Uint8Array, offset: number): AdtsHeader | "more" | "invalid" {
  if (data.length - offset < ADTS_HEADER_BYTES) {
    return data[offset] === 0xFF && (data.length - offset < 2 || isSync(data, offset))
      ? "more"
      : "invalid";
  }
  if (!isSync(data, offset)) return "invalid";
  const b2 = data[offset + 2]!;
  const b3 = data[offset + 3]!;
  const b5 = data[offset + 5]!;
  const sampleRate = AAC_SAMPLE_RATES[b2 >> 2 & 15];
  const protectionAbsent = (data[offset + 1]! & 1) === 1;
  const payloadOffset = ADTS_HEADER_BYTES + (protectionAbsent ? 0 : CRC_BYTES);
  const frameBytes = (b3 & 3) << 11 | data[offset + 4]! << 3 | b5 >> 5;
  if (sampleRate === undefined || frameBytes <= payloadOffset) return "invalid";
  const channelConfiguration = (b2 & 1) << 2 | b3 >> 6;
  return {
    frameBytes,
    payloadOffset,
    samples: SAMPLES_PER_BLOCK * ((data[offset + 6]! & 3) + 1),
    sampleRate,
    channels: aacChannels(channelConfiguration),
    objectType: (b2 >> 6) + 1,
    channelConfiguration,
  };
}

/**
 * Writes an ADTS header for `payloadBytes` of raw AAC at `offset` of `target`. Throws a
 * {@linkcode MediaError} `MEDIA_BAD_FRAME` for a frame that does not fit the 13-bit length.
 */
export function writeAdtsHeader(
  config: AacConfig,
  payloadBytes: number,
  into: { readonly target: Uint8Array; readonly offset: number },
): void {
  const { target, offset } = into;
  const frameBytes = payloadBytes + ADTS_HEADER_BYTES;
  if (frameBytes > MAX_FRAME_BYTES) {
    throw new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot write an ADTS frame of ${frameBytes} bytes: the most is ${MAX_FRAME_BYTES}; ` +
        "lower the audio bit rate",
      { context: { frameBytes } },
    );
  }
  const rateIndex = AAC_SAMPLE_RATES.indexOf(config.sampleRate);
  const channels = config.channelConfiguration;
  target[offset] = 0xFF;
  target[offset + 1] = 0xF1; // MPEG-4, layer 0, protection_absent
  target[offset + 2] = (config.objectType - 1) << 6 | rateIndex << 2 | channels >> 2;
  target[offset + 3] = (channels & 3) << 6 | frameBytes >> 11;
  target[offset + 4] = frameBytes >> 3 & 0xFF;
  target[offset + 5] = (frameBytes & 7) << 5 | 0x1F; // adts_buffer_fullness: variable rate
  target[offset + 6] = 0xFC;
}

/**
 * Throws a {@linkcode MediaError} `MEDIA_UNSUPPORTED_CODEC` where a configuration cannot be said in
 * an ADTS header: object types above 4, rates outside the table, channels that nothing describes.
 */
export function assertAdtsConfig(config: AacConfig): void {
  const { objectType, sampleRate, channelConfiguration } = config;
  const hasChannels = channelConfiguration >= 1 && channelConfiguration <= 7 ||
    channelConfiguration === 0 && config.programConfig !== undefined;
  const fits = objectType >= 1 && objectType <= 4 && AAC_SAMPLE_RATES.includes(sampleRate) &&
    hasChannels;
  if (fits) return;
  throw new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot write AAC object type ${objectType}, ${sampleRate} Hz, channel configuration ` +
      `${channelConfiguration} as ADTS; encode AAC-LC with up to 8 channels`,
    { context: { ...config } },
  );
}

/** Syncword, and `layer` 0. */
function isSync(data: Uint8Array, offset: number): boolean {
  return data[offset] === 0xFF && (data[offset + 1]! & 0xF6) === 0xF0;
}

/**
 * MPEG audio frame headers (layers I to III, MPEG-1, 2 and 2.5).
 *
 * Spec: ISO/IEC 11172-3 section 2.4.1.3, ISO/IEC 13818-3 section 2.4.2.3.
 */

import type { AudioFrameHeader } from "./audio_frame.ts";

const HEADER_BYTES = 4;

/** kbit/s by `bitrate_index`, for MPEG-1 layers I, II and III. */
const MPEG1_BIT_RATES: readonly (readonly number[])[] = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];

/** kbit/s by `bitrate_index`, for MPEG-2 layer I, and layers II and III. */
const MPEG2_BIT_RATES: readonly (readonly number[])[] = [
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

const MPEG1_SAMPLE_RATES: readonly number[] = [44_100, 48_000, 32_000];

/** The two `ID` bits. */
const VERSION_MPEG2_5 = 0;
const VERSION_RESERVED = 1;
const VERSION_MPEG1 = 3;

const MODE_SINGLE_CHANNEL = 3;

/** Parses the MPEG audio header at `offset`. Free-format frames (no bit rate) are not supported. */
export function parseMpegAudioHeader(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  if (data.length - offset < HEADER_BYTES) return data[offset] === 0xFF ? "more" : "invalid";
  const b1 = data[offset + 1]!;
  const b2 = data[offset + 2]!;
  if (data[offset] !== 0xFF || b1 < 0xE0) return "invalid";
  const version = b1 >> 3 & 3;
  const layer = 4 - (b1 >> 1 & 3); // 1 to 3; 4 is reserved
  const mpeg1Rate = MPEG1_SAMPLE_RATES[b2 >> 2 & 3];
  if (version === VERSION_RESERVED || layer === 4 || mpeg1Rate === undefined) return "invalid";
  const bitRates = version === VERSION_MPEG1 ? MPEG1_BIT_RATES : MPEG2_BIT_RATES;
  const bitRate = (bitRates[layer - 1]?.[b2 >> 4] ?? 0) * 1000;
  if (bitRate === 0) return "invalid";
  const divisor = version === VERSION_MPEG1 ? 1 : version === VERSION_MPEG2_5 ? 4 : 2;
  const sampleRate = mpeg1Rate / divisor;
  const padding = b2 >> 1 & 1;
  const samples = layer === 1 ? 384 : layer === 3 && version !== VERSION_MPEG1 ? 576 : 1152;
  const slots = Math.floor(samples / 8 * bitRate / sampleRate / (layer === 1 ? 4 : 1)) + padding;
  return {
    frameBytes: layer === 1 ? slots * 4 : slots,
    payloadOffset: 0,
    samples,
    sampleRate,
    channels: data[offset + 3]! >> 6 === MODE_SINGLE_CHANNEL ? 1 : 2,
    codec: layer === 3 ? "mp3" : "mp2",
  };
}

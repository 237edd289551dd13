/**
 * Uncompressed sound in MPEG-TS: packets with a header of 4 bytes.
 *
 * Spec: SMPTE 302M section 6 (AES3 data); Blu-ray LPCM by common practice, its white paper has no
 * section numbers.
 */

import type { AudioFrameHeader } from "./audio_frame.ts";

const HEADER_BYTES = 4;
const S302M_SAMPLE_RATE = 48_000;
/** User, validity and channel bits beside each sample. */
const AES3_EXTRA_BITS = 4;

/** Channels by `channel_assignment`; those with an odd count have an empty one more. */
const BLURAY_CHANNELS: readonly number[] = [0, 1, 0, 2, 3, 3, 4, 4, 5, 6, 7, 8];
const BLURAY_SAMPLE_RATES: ReadonlyMap<number, number> = new Map([
  [1, 48_000],
  [4, 96_000],
  [5, 192_000],
]);
/** Bytes of a sample by `bits_per_sample`. */
const BLURAY_SAMPLE_BYTES: readonly number[] = [0, 2, 3, 3];

/** Parses an AES3 packet of SMPTE 302M at `offset`. */
export function parseS302mFrame(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  if (data.length - offset < HEADER_BYTES) return "more";
  const size = data[offset]! << 8 | data[offset + 1]!;
  const channels = 2 + 2 * (data[offset + 2]! >> 6);
  const code = data[offset + 3]! >> 4 & 3;
  const bits = channels * (16 + 4 * code + AES3_EXTRA_BITS);
  const samples = size * 8 / bits;
  if (code === 3 || samples === 0 || !Number.isInteger(samples)) return "invalid";
  return {
    frameBytes: HEADER_BYTES + size,
    payloadOffset: 0,
    samples,
    sampleRate: S302M_SAMPLE_RATE,
    channels,
    codec: "s302m",
  };
}

/** Parses an LPCM packet of a Blu-ray disc at `offset`. */
export function parseBlurayPcmFrame(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  if (data.length - offset < HEADER_BYTES) return "more";
  const size = data[offset]! << 8 | data[offset + 1]!;
  const channels = BLURAY_CHANNELS[data[offset + 2]! >> 4] ?? 0;
  const sampleRate = BLURAY_SAMPLE_RATES.get(data[offset + 2]! & 15);
  const sampleBytes = BLURAY_SAMPLE_BYTES[data[offset + 3]! >> 6]!;
  const samples = size / (channels + channels % 2) / sampleBytes;
  if (sampleRate === undefined || samples === 0 || !Number.isInteger(samples)) return "invalid";
  return {
    frameBytes: HEADER_BYTES + size,
    payloadOffset: 0,
    samples,
    sampleRate,
    channels,
    codec: "pcm_bluray",
  };
}

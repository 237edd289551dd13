/**
 * DTS Coherent Acoustics frames: the core, and the extension substream behind it.
 *
 * Spec: ETSI TS 102 114 sections 5.3 (core frame header) and 7.4 (extension substream header).
 */

import type { AudioFrameHeader } from "./audio_frame.ts";
import { BitReader } from "./bit_reader.ts";

const CORE_SYNC: readonly number[] = [0x7F, 0xFE, 0x80, 0x01];
const EXTENSION_SYNC: readonly number[] = [0x64, 0x58, 0x20, 0x25];
const HEADER_BYTES = 12;
const MIN_CORE_BYTES = 96;
const SAMPLES_PER_BLOCK = 32;

/** By `SFREQ`. */
const SAMPLE_RATES: readonly number[] = [
  ...[0, 8_000, 16_000, 32_000, 0, 0, 11_025, 22_050],
  ...[44_100, 0, 0, 12_000, 24_000, 48_000, 0, 0],
];

/** Full-bandwidth channels by `AMODE`. */
const CHANNELS: readonly number[] = [1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 6, 7, 8, 8];

/** Parses the core frame at `offset`, with its extension substream where that follows. */
export function parseDtsHeader(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  for (let i = 0; i < Math.min(CORE_SYNC.length, available); i++) {
    if (data[offset + i] !== CORE_SYNC[i]) return "invalid";
  }
  if (available < HEADER_BYTES) return "more";
  const bits = new BitReader(data, offset + CORE_SYNC.length);
  bits.skipBits(1 + 5); // FTYPE, SHORT
  bits.skipBits(1); // CPF
  const blocks = bits.readBits(7) + 1;
  const coreBytes = bits.readBits(14) + 1;
  const channels = CHANNELS[bits.readBits(6)];
  const sampleRate = SAMPLE_RATES[bits.readBits(4)]!;
  bits.skipBits(5); // RATE
  bits.skipBits(1 + 1 + 1 + 1 + 1); // FixedBit, DYNF, TIMEF, AUXF, HDCD
  bits.skipBits(3 + 1 + 1); // EXT_AUDIO_ID, EXT_AUDIO, ASPF
  const lfe = bits.readBits(2);
  if (blocks < 6 || coreBytes < MIN_CORE_BYTES || channels === undefined || sampleRate === 0) {
    return "invalid";
  }
  return {
    frameBytes: coreBytes + extensionBytes(data, offset + coreBytes),
    payloadOffset: 0,
    samples: blocks * SAMPLES_PER_BLOCK,
    sampleRate,
    channels: channels + (lfe === 1 || lfe === 2 ? 1 : 0),
    codec: "dts",
  };
}

/** Size of the extension substream at `offset`; 0 where none is. */
function extensionBytes(data: Uint8Array, offset: number): number {
  if (data.length - offset < HEADER_BYTES) return 0;
  if (EXTENSION_SYNC.some((byte, index) => data[offset + index] !== byte)) return 0;
  const bits = new BitReader(data, offset + EXTENSION_SYNC.length);
  bits.skipBits(8 + 2); // UserDefinedBits, nExtSSIndex
  const isLong = bits.readFlag(); // bHeaderSizeType
  bits.skipBits(isLong ? 12 : 8); // nuExtSSHeaderSize
  return bits.readBits(isLong ? 20 : 16) + 1;
}

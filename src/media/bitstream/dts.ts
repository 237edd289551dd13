/**
 * DTS Coherent Acoustics frames: the core, and the extension substream behind it or, in DTS Express and
 * some of DTS-HD Master Audio, without one.
 *
 * Spec: ETSI TS 102 114 sections 5.3 (core frame header), 7.4 (extension substream header) and 7.5 (asset
 * descriptor).
 */

import { MediaError } from "../../base/errors.ts";
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

/** By `nuRefClockCode`. */
const REFERENCE_CLOCKS: readonly number[] = [32_000, 44_100, 48_000];

/** By `nuMaxSampleRate`. */
const ASSET_SAMPLE_RATES: readonly number[] = [
  ...[8_000, 16_000, 32_000, 64_000, 128_000, 22_050, 44_100, 88_200],
  ...[176_400, 352_800, 12_000, 24_000, 48_000, 96_000, 192_000, 384_000],
];

/** `nuExSSFrameDurationCode` counts in periods of the reference clock. */
const DURATION_UNIT = 512;

/**
 * Parses the frame at `offset`: a core with the extension substream that follows, or that substream alone.
 * One that leaves its configuration to the one before has a sample rate of 0.
 */
export function parseDtsHeader(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  if (data[offset] === EXTENSION_SYNC[0]) return parseSubstream(data, offset);
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

/** An extension substream without core. */
function parseSubstream(data: Uint8Array, offset: number): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  for (let i = 0; i < Math.min(EXTENSION_SYNC.length, available); i++) {
    if (data[offset + i] !== EXTENSION_SYNC[i]) return "invalid";
  }
  if (available < HEADER_BYTES) return "more";
  const frameBytes = extensionBytes(data, offset);
  // What describes the sound may be anywhere in the frame.
  if (available < frameBytes) return "more";
  const sound = readSound(data.subarray(offset, offset + frameBytes));
  return sound === undefined ? "invalid" : { frameBytes, payloadOffset: 0, ...sound, codec: "dts" };
}

type Sound = Pick<AudioFrameHeader, "samples" | "sampleRate" | "channels">;

/** What the first asset of an extension substream is; undefined where the header is damaged. */
function readSound(substream: Uint8Array): Sound | undefined {
  try {
    return readHeader(new BitReader(substream, EXTENSION_SYNC.length));
  } catch (error) {
    // Damaged input is the sender's: the next frame is as good.
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}

/** Fields in the order of Table 7-2, up to `nuTotalNumChs` of the first asset. */
function readHeader(bits: BitReader): Sound | undefined {
  bits.skipBits(8); // UserDefinedBits
  const index = bits.readBits(2); // nExtSSIndex
  const isLong = bits.readFlag(); // bHeaderSizeType
  const sizeBits = isLong ? 20 : 16;
  bits.skipBits((isLong ? 12 : 8) + sizeBits); // nuExtSSHeaderSize, nuExtSSFsize
  if (!bits.readFlag()) return { samples: 0, sampleRate: 0, channels: 0 }; // bStaticFieldsPresent
  const clock = REFERENCE_CLOCKS[bits.readBits(2)];
  const duration = (bits.readBits(3) + 1) * DURATION_UNIT;
  if (bits.readFlag()) bits.skipBits(32 + 4); // nuTimeStamp, nLSB
  const presentations = bits.readBits(3) + 1;
  const assets = bits.readBits(3) + 1;
  const masks = Array.from({ length: presentations }, () => bits.readBits(index + 1));
  for (const mask of masks) {
    for (let bit = 0; bit <= index; bit++) if ((mask >> bit & 1) === 1) bits.skipBits(8);
  }
  if (bits.readFlag()) skipMixing(bits); // bMixMetadataEnbl
  for (let asset = 0; asset < assets; asset++) bits.skipBits(sizeBits); // nuAssetFsize
  bits.skipBits(9 + 3); // nuAssetDescriptFsize, nuAssetIndex
  if (bits.readFlag()) bits.skipBits(4); // nuAssetTypeDescriptor
  if (bits.readFlag()) bits.skipBits(24); // LanguageDescriptor
  if (bits.readFlag()) {
    const bytes = bits.readBits(10) + 1; // nuInfoTextByteSize
    for (let at = 0; at < bytes; at++) bits.skipBits(8);
  }
  bits.skipBits(5); // nuBitResolution
  const sampleRate = ASSET_SAMPLE_RATES[bits.readBits(4)]!;
  const channels = bits.readBits(8) + 1; // nuTotalNumChs
  if (clock === undefined) return undefined;
  return { samples: duration * sampleRate / clock, sampleRate, channels };
}

function skipMixing(bits: BitReader): void {
  bits.skipBits(2); // nuMixMetadataAdjLevel
  const maskBits = (bits.readBits(2) + 1) * 4; // nuBits4MixOutMask
  const configurations = bits.readBits(2) + 1; // nuNumMixOutConfigs
  for (let at = 0; at < configurations; at++) bits.skipBits(maskBits); // nuMixOutChMask
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

/**
 * AudioSpecificConfig: the configuration of raw AAC.
 *
 * Spec: ISO/IEC 14496-3 sections 1.6.2.1 (AudioSpecificConfig) and 1.6.3.3 (sampling frequencies).
 */

import { MediaError } from "../../base/errors.ts";
import { BitReader } from "./bit_reader.ts";

/** `samplingFrequencyIndex` to Hz. */
export const AAC_SAMPLE_RATES: readonly number[] = [
  96_000,
  88_200,
  64_000,
  48_000,
  44_100,
  32_000,
  24_000,
  22_050,
  16_000,
  12_000,
  11_025,
  8_000,
  7_350,
];

/** `channelConfiguration` to channels; 0 is "in a program config element". */
const CHANNELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8];

const EXPLICIT_RATE = 15;
const OBJECT_TYPE_ESCAPE = 31;
const OBJECT_TYPE_SBR = 5;
const OBJECT_TYPE_PS = 29;

/** The part of an AudioSpecificConfig that framing needs. */
export interface AacConfig {
  /** `audioObjectType` of the core coder: 2 is AAC-LC. */
  readonly objectType: number;
  /** Sampling frequency of the core coder in Hz. */
  readonly sampleRate: number;
  /** `channelConfiguration`; 0 where a program config element says it. */
  readonly channelConfiguration: number;
}

/** The number of channels of a `channelConfiguration`; 0 when it does not say. */
export function aacChannels(channelConfiguration: number): number {
  return CHANNELS[channelConfiguration] ?? 0;
}

/**
 * Parses the head of an AudioSpecificConfig; for explicitly signalled SBR or PS, the core coder's.
 * Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` when it is truncated.
 */
export function parseAacConfig(data: Uint8Array): AacConfig {
  const bits = new BitReader(data);
  let objectType = readObjectType(bits);
  const sampleRate = readSampleRate(bits);
  const channelConfiguration = bits.readBits(4);
  if (objectType === OBJECT_TYPE_SBR || objectType === OBJECT_TYPE_PS) {
    readSampleRate(bits); // extensionSamplingFrequency
    objectType = readObjectType(bits);
  }
  return { objectType, sampleRate, channelConfiguration };
}

/** Writes the two bytes (five for a rate outside the table) of an AudioSpecificConfig. */
export function writeAacConfig(config: AacConfig): Uint8Array {
  const { objectType, sampleRate, channelConfiguration } = config;
  if (!(objectType >= 1 && objectType < OBJECT_TYPE_ESCAPE)) {
    throw new RangeError(`Cannot write audioObjectType ${objectType}: use 1 to 30`);
  }
  const index = AAC_SAMPLE_RATES.indexOf(sampleRate);
  if (index >= 0) {
    const value = objectType << 11 | index << 7 | channelConfiguration << 3;
    return Uint8Array.of(value >> 8, value & 0xFF);
  }
  return Uint8Array.of(
    objectType << 3 | EXPLICIT_RATE >> 1,
    (EXPLICIT_RATE & 1) << 7 | sampleRate >> 17 & 0x7F,
    sampleRate >> 9 & 0xFF,
    sampleRate >> 1 & 0xFF,
    (sampleRate & 1) << 7 | channelConfiguration << 3,
  );
}

function readObjectType(bits: BitReader): number {
  const type = bits.readBits(5);
  return type === OBJECT_TYPE_ESCAPE ? 32 + bits.readBits(6) : type;
}

function readSampleRate(bits: BitReader): number {
  const index = bits.readBits(4);
  if (index === EXPLICIT_RATE) return bits.readBits(24);
  const rate = AAC_SAMPLE_RATES[index];
  if (rate !== undefined) return rate;
  throw new MediaError(
    "MEDIA_BAD_FRAME",
    `Cannot parse the AudioSpecificConfig: samplingFrequencyIndex is ${index}; it is damaged`,
    { context: { index } },
  );
}

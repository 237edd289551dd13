/**
 * AudioSpecificConfig: the configuration of raw AAC.
 *
 * Spec: ISO/IEC 14496-3 sections 1.6.2.1 (AudioSpecificConfig) and 1.6.3.3 (sampling frequencies).
 */

import { MediaError } from "../../../base/errors.ts";
import { BitReader } from "../bit_reader.ts";
import { BitWriter } from "../bit_writer.ts";
import { type ProgramConfig, readProgramConfig, writeProgramConfig } from "./program_config.ts";

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
/** Object types with a GASpecificConfig (section 4.4.1) whose program config element comes first. */
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 7, 17, 19, 21, 22, 23]);

/** The part of an AudioSpecificConfig that framing needs. */
export interface AacConfig {
  /** `audioObjectType` of the core coder: 2 is AAC-LC. */
  readonly objectType: number;
  /** Sampling frequency of the core coder in Hz. */
  readonly sampleRate: number;
  /** `channelConfiguration`; 0 where a program config element says it. */
  readonly channelConfiguration: number;
  /** The program config element, where `channelConfiguration` is 0 and there is one. */
  readonly programConfig?: ProgramConfig | undefined;
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
  return readAacConfig(new BitReader(data), data).config;
}

/**
 * Reads an AudioSpecificConfig up to its program config element, if it has one. `shortFrames`: 960
 * samples a frame, not 1,024. Throws as {@linkcode parseAacConfig}.
 */
export function readAacConfig(
  bits: BitReader,
  data: Uint8Array,
): { readonly config: AacConfig; readonly shortFrames: boolean } {
  let objectType = readObjectType(bits);
  const sampleRate = readSampleRate(bits);
  const channelConfiguration = bits.readBits(4);
  if (objectType === OBJECT_TYPE_SBR || objectType === OBJECT_TYPE_PS) {
    readSampleRate(bits); // extensionSamplingFrequency
    objectType = readObjectType(bits);
  }
  const config = { objectType, sampleRate, channelConfiguration };
  if (!GENERAL_AUDIO.has(objectType) || bits.remainingBits < 3) {
    return { config, shortFrames: false };
  }
  const shortFrames = bits.readFlag(); // frameLengthFlag
  if (bits.readFlag()) bits.skipBits(14); // dependsOnCoreCoder, coreCoderDelay
  bits.skipBits(1); // extensionFlag
  if (channelConfiguration !== 0 || bits.remainingBits === 0) return { config, shortFrames };
  const programConfig = readProgramConfig(bits, data);
  return { config: { ...config, programConfig }, shortFrames };
}

/**
 * Writes an AudioSpecificConfig: two bytes, more for a rate outside the table or a program config
 * element.
 */
export function writeAacConfig(config: AacConfig): Uint8Array {
  const { objectType, sampleRate, channelConfiguration, programConfig } = config;
  if (!(objectType >= 1 && objectType < OBJECT_TYPE_ESCAPE)) {
    throw new RangeError(`Cannot write audioObjectType ${objectType}: use 1 to 30`);
  }
  const bits = new BitWriter();
  bits.write(objectType, 5);
  const index = AAC_SAMPLE_RATES.indexOf(sampleRate);
  bits.write(index < 0 ? EXPLICIT_RATE : index, 4);
  if (index < 0) bits.write(sampleRate, 24);
  bits.write(channelConfiguration, 4);
  bits.write(0, 3); // frameLengthFlag, dependsOnCoreCoder, extensionFlag
  if (channelConfiguration === 0 && programConfig !== undefined) {
    writeProgramConfig(programConfig, bits);
  }
  return bits.bytes();
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

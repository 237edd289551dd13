/**
 * What encoded sound is, as the output's tables describe it.
 *
 * @module
 */

import { sameBytes } from "../../base/bytes.ts";
import {
  AAC_SAMPLE_RATES,
  OPUS_SAMPLE_RATE,
  writeAacConfig,
  writeOpusHead,
} from "../../media/bitstream/mod.ts";
import type { AudioStreamInfo } from "../../media/types.ts";

/** Up to here `channelConfiguration` is the number of channels: 5.1. */
const MAX_AAC_CHANNELS = 6;
/** Sample rates of the core of HE-AAC; others are hardly ever used. */
const HE_AAC_CORE_RATES: ReadonlySet<number> = new Set([22_050, 24_000]);
/** `audioObjectType` of AAC-LC. */
const AAC_LC = 2;

/**
 * What a decoder may make of a stream: only the frames of HE-AAC say that it gives twice the rate
 * (spectral band replication), or two channels for one (parametric stereo, ISO/IEC 14496-3 section
 * 4.6.18 and 8.6.4). Their cores have these rates.
 */
export function fullestSound(stream: AudioStreamInfo): { sampleRate: number; channels: number } {
  const { codec, sampleRate, channels } = stream;
  const isCore = (codec === "aac" || codec === "aac_latm") && HE_AAC_CORE_RATES.has(sampleRate);
  if (!isCore) return { sampleRate, channels };
  return { sampleRate: 2 * sampleRate, channels: Math.max(2, channels) };
}

/** What an encoder is told to write, as the output's tables need it before its first packet. */
export function encodedStream(
  codec: "aac" | "opus",
  input: { readonly sampleRate: number; readonly channels: number },
): AudioStreamInfo {
  if (codec === "opus") {
    // WebRTC takes one or two channels of 48 kHz; more are mixed down.
    const channels = Math.min(2, input.channels);
    const extradata = writeOpusHead({
      channels,
      preSkip: 0,
      inputSampleRate: input.sampleRate,
      outputGain: 0,
      mappingFamily: 0,
      streamCount: 1,
      coupledCount: channels - 1,
      mapping: [],
    });
    return { kind: "audio", codec, sampleRate: OPUS_SAMPLE_RATE, channels, extradata };
  }
  const channels = Math.min(MAX_AAC_CHANNELS, input.channels);
  const sampleRate = AAC_SAMPLE_RATES.includes(input.sampleRate) ? input.sampleRate : 48_000;
  const config = { objectType: AAC_LC, sampleRate, channelConfiguration: channels };
  return { kind: "audio", codec, sampleRate, channels, extradata: writeAacConfig(config) };
}

/** Whether two descriptions are of one stream, so that a coder can go on. */
export function sameAudio(a: AudioStreamInfo, b: AudioStreamInfo): boolean {
  return a.codec === b.codec && a.sampleRate === b.sampleRate && a.channels === b.channels &&
    sameBytes(a.extradata, b.extradata);
}

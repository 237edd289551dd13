/**
 * AAC in LATM, as LOAS frames carry it: only what framing needs. The payload stays as it is.
 *
 * Spec: ISO/IEC 14496-3 sections 1.7.2 (AudioSyncStream) and 1.7.3 (AudioMuxElement,
 * StreamMuxConfig).
 */

import { MediaError } from "../../../base/errors.ts";
import { aacChannels, readAacConfig } from "./aac_config.ts";
import type { AudioFrameHeader } from "./audio_frame.ts";
import { BitReader } from "../bit_reader.ts";

const HEADER_BYTES = 3;
const SAMPLES_PER_FRAME = 1024;
const SAMPLES_PER_SHORT_FRAME = 960;

/** One LOAS frame: what its configuration says, or 0 where it has none of its own. */
export type LatmFrame = AudioFrameHeader;

/**
 * Parses the AudioSyncStream header at `offset` and the configuration behind it. Frames that go on
 * with the one before have a sample rate of 0.
 */
export function parseLatmFrame(data: Uint8Array, offset: number): LatmFrame | "more" | "invalid" {
  const available = data.length - offset;
  if (data[offset] !== 0x56 || available > 1 && (data[offset + 1]! & 0xE0) !== 0xE0) {
    return "invalid";
  }
  if (available < HEADER_BYTES) return "more";
  const length = (data[offset + 1]! & 0x1F) << 8 | data[offset + 2]!;
  if (length === 0) return "invalid";
  const frameBytes = HEADER_BYTES + length;
  if (available < frameBytes) return "more";
  const none = { sampleRate: 0, channels: 0, samples: SAMPLES_PER_FRAME };
  const config = readConfig(data.subarray(offset + HEADER_BYTES, offset + frameBytes)) ?? none;
  return { frameBytes, payloadOffset: 0, ...config, codec: "aac_latm" };
}

type FrameConfig = Pick<AudioFrameHeader, "sampleRate" | "channels" | "samples">;

/** The configuration of an AudioMuxElement; undefined where it has none, or one that is damaged. */
function readConfig(element: Uint8Array): FrameConfig | undefined {
  try {
    const bits = new BitReader(element);
    if (bits.readFlag()) return undefined; // useSameStreamMux
    return readStreamMuxConfig(bits, element);
  } catch (error) {
    // Damaged input is the sender's: the decoder tells, and the next frame has another.
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}

/** Reads up to the AudioSpecificConfig of the first layer of the first program. */
function readStreamMuxConfig(bits: BitReader, element: Uint8Array): FrameConfig {
  const version = bits.readBit(); // audioMuxVersion
  if (version === 1 && bits.readFlag()) return { sampleRate: 0, channels: 0, samples: 0 };
  if (version === 1) readLatmValue(bits); // taraBufferFullness
  bits.skipBits(1); // allStreamsSameTimeFraming
  const subFrames = bits.readBits(6) + 1;
  bits.skipBits(4 + 3); // numProgram, numLayer
  if (version === 1) readLatmValue(bits); // ascLen
  const { config, shortFrames } = readAacConfig(bits, element);
  const perFrame = shortFrames ? SAMPLES_PER_SHORT_FRAME : SAMPLES_PER_FRAME;
  const channels = config.programConfig?.channels ?? aacChannels(config.channelConfiguration);
  return { sampleRate: config.sampleRate, channels, samples: perFrame * subFrames };
}

/** LatmGetValue(). */
function readLatmValue(bits: BitReader): number {
  const bytes = bits.readBits(2) + 1;
  return bits.readBits(8 * bytes);
}

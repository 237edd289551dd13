/**
 * Access units of Dolby TrueHD, with the AC-3 frames that Blu-ray discs put between them for players
 * that know nothing else.
 *
 * Spec: "Dolby TrueHD (MLP) high-level bitstream description", sections 3 (access unit) and 4.2
 * (major_sync_info).
 */

import { parseAc3Header } from "./ac3.ts";
import type { AudioFrameHeader } from "./audio_frame.ts";
import { BitReader } from "./bit_reader.ts";

/** `check_nibble`, `access_unit_length` and `input_timing`. */
const HEADER_BYTES = 4;
/** Up to the channels of `format_info`. */
const SYNC_BYTES = HEADER_BYTES + 8;
/** `format_sync`. */
const MAJOR_SYNC: readonly number[] = [0xF8, 0x72, 0x6F, 0xBA];
/** Samples of an access unit at 44.1 and 48 kHz; as many more at their multiples. */
const BASE_SAMPLES = 40;
/** The highest `audio_sampling_frequency` of a family: four times its rate. */
const MAX_RATE_SHIFT = 2;

/** Channels by the bits of `6ch_presentation_channel_assignment` and its longer sister, lowest first. */
const CHANNEL_GROUPS: readonly number[] = [2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1];

/**
 * Parses the access unit at `offset`. Those without major sync, which are most, say nothing but their
 * size: their sample rate is 0, and they can only be told from accidents by where they begin.
 */
export function parseTrueHdUnit(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  if (available < 2) return "more";
  const core = parseAc3Header(data, offset);
  if (core !== "invalid") return core === "more" ? core : { ...core, isAside: true };
  const frameBytes = ((data[offset]! & 0x0F) << 8 | data[offset + 1]!) * 2;
  if (frameBytes < HEADER_BYTES) return "invalid";
  if (available < Math.min(frameBytes, SYNC_BYTES)) return "more";
  if (MAJOR_SYNC.some((byte, index) => data[offset + HEADER_BYTES + index] !== byte)) {
    const unit = { frameBytes, payloadOffset: 0, channels: 0, sampleRate: 0, samples: 0 };
    return { ...unit, codec: "truehd", isUnmarked: true };
  }
  if (frameBytes < SYNC_BYTES) return "invalid";
  const bits = new BitReader(data, offset + HEADER_BYTES + MAJOR_SYNC.length);
  const family = bits.readBit();
  const shift = bits.readBits(3);
  bits.skipBits(1 + 1 + 2 + 2 + 2); // channel types, reserved, channel modifiers
  const sixChannels = bits.readBits(5);
  bits.skipBits(2); // 8ch_presentation_channel_modifier
  const eightChannels = bits.readBits(13);
  const channels = countChannels(eightChannels === 0 ? sixChannels : eightChannels);
  if (shift > MAX_RATE_SHIFT || channels === 0) return "invalid";
  return {
    frameBytes,
    payloadOffset: 0,
    samples: BASE_SAMPLES << shift,
    sampleRate: (family === 1 ? 44_100 : 48_000) << shift,
    channels,
    codec: "truehd",
  };
}

/** Where an access unit with major sync may begin, from `from` on: near the end where none is. */
export function findTrueHdSync(data: Uint8Array, from: number): number {
  for (let at = from + HEADER_BYTES; at + MAJOR_SYNC.length <= data.length; at++) {
    if (MAJOR_SYNC.every((byte, index) => data[at + index] === byte)) return at - HEADER_BYTES;
  }
  return Math.max(from, data.length - HEADER_BYTES - MAJOR_SYNC.length + 1);
}

function countChannels(assignment: number): number {
  return CHANNEL_GROUPS.reduce((sum, count, bit) => sum + (assignment >> bit & 1) * count, 0);
}

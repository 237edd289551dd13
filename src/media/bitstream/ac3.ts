/**
 * AC-3 synchronization frames.
 *
 * Spec: ETSI TS 102 366 (ATSC A/52) sections 4.3 (syncinfo), 4.4 (bsi) and Table 4.13 (frame
 * sizes).
 */

import type { AudioFrameHeader } from "./audio_frame.ts";
import { BitReader } from "./bit_reader.ts";

const HEADER_BYTES = 8;
const SAMPLES_PER_FRAME = 1536;
const MAX_AC3_BSID = 10;
const BASE_BSID = 8;

const SAMPLE_RATES: readonly number[] = [48_000, 44_100, 32_000];

/** kbit/s by half `frmsizecod`. */
const BIT_RATES: readonly number[] = [
  ...[32, 40, 48, 56, 64, 80, 96, 112, 128, 160],
  ...[192, 224, 256, 320, 384, 448, 512, 576, 640],
];

/** Full-bandwidth channels by `acmod`. */
const CHANNELS: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];

/** Parses the AC-3 frame header at `offset`. Enhanced AC-3 is "invalid". */
export function parseAc3Header(
  data: Uint8Array,
  offset: number,
): AudioFrameHeader | "more" | "invalid" {
  const available = data.length - offset;
  if (data[offset] !== 0x0B || available > 1 && data[offset + 1] !== 0x77) return "invalid";
  if (available < HEADER_BYTES) return "more";
  const fscod = data[offset + 4]! >> 6;
  const frmsizecod = data[offset + 4]! & 0x3F;
  const bsid = data[offset + 5]! >> 3;
  const fullRate = SAMPLE_RATES[fscod];
  const bitRate = BIT_RATES[frmsizecod >> 1];
  if (fullRate === undefined || bitRate === undefined || bsid > MAX_AC3_BSID) return "invalid";
  const words = fscod === 1
    ? Math.floor(bitRate * 1000 * SAMPLES_PER_FRAME / (16 * fullRate)) + (frmsizecod & 1)
    : bitRate * 1000 * SAMPLES_PER_FRAME / (16 * fullRate);
  return {
    frameBytes: words * 2,
    payloadOffset: 0,
    samples: SAMPLES_PER_FRAME,
    // bsid 9 and 10 halve and quarter the rate, by common practice.
    sampleRate: fullRate >> Math.max(0, bsid - BASE_BSID),
    channels: readChannels(data, offset),
  };
}

/** `acmod` and `lfeon` of the bit stream information. */
function readChannels(data: Uint8Array, offset: number): number {
  const bits = new BitReader(data, offset + 6);
  const acmod = bits.readBits(3);
  if ((acmod & 1) !== 0 && acmod !== 1) bits.skipBits(2); // cmixlev
  if ((acmod & 4) !== 0) bits.skipBits(2); // surmixlev
  if (acmod === 2) bits.skipBits(2); // dsurmod
  return CHANNELS[acmod]! + bits.readBit();
}

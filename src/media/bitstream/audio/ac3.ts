/**
 * AC-3 and Enhanced AC-3 synchronization frames.
 *
 * Spec: ETSI TS 102 366 (ATSC A/52) sections 4.3 (syncinfo), 4.4 (bsi), Table 4.13 (frame sizes) and
 * Annex E, sections E.1.2 and E.1.3 (Enhanced AC-3).
 */

import type { AudioFrameHeader } from "./audio_frame.ts";
import { BitReader } from "../bit_reader.ts";

const HEADER_BYTES = 8;
const SAMPLES_PER_FRAME = 1536;
const MAX_AC3_BSID = 10;
const BASE_BSID = 8;
const EAC3_BSID = 16;
const SAMPLES_PER_BLOCK = 256;
/** Audio blocks by `numblkscod`. */
const BLOCKS: readonly number[] = [1, 2, 3, 6];
/** `strmtyp` of a frame that goes on with the one before: more channels of the same sound. */
const DEPENDENT = 1;
const RESERVED_TYPE = 3;

const SAMPLE_RATES: readonly number[] = [48_000, 44_100, 32_000];

/** kbit/s by half `frmsizecod`. */
const BIT_RATES: readonly number[] = [
  ...[32, 40, 48, 56, 64, 80, 96, 112, 128, 160],
  ...[192, 224, 256, 320, 384, 448, 512, 576, 640],
];

/** Full-bandwidth channels by `acmod`. */
const CHANNELS: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];

/**
 * Parses the AC-3 or Enhanced AC-3 frame at `offset`. The dependent and further substreams of Enhanced
 * AC-3 that follow in the data belong to it.
 */
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
  if (bsid > MAX_AC3_BSID && bsid <= EAC3_BSID) return parseEac3Unit(data, offset);
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
    codec: "ac3",
  };
}

/** An independent frame of the first substream, and all that go with it. */
function parseEac3Unit(data: Uint8Array, offset: number): AudioFrameHeader | "invalid" {
  const first = parseEac3Frame(data, offset);
  if (first === undefined) return "invalid";
  let frameBytes = first.frameBytes;
  for (;;) {
    const at = offset + frameBytes;
    if (data.length - at < HEADER_BYTES || data[at] !== 0x0B || data[at + 1] !== 0x77) break;
    const next = parseEac3Frame(data, at);
    if (next === undefined || !next.isFurther) break;
    frameBytes += next.frameBytes;
  }
  const { samples, sampleRate, channels } = first;
  return { frameBytes, payloadOffset: 0, samples, sampleRate, channels, codec: "eac3" };
}

interface Eac3Frame {
  readonly frameBytes: number;
  readonly samples: number;
  readonly sampleRate: number;
  readonly channels: number;
  /** Whether it is of the same time as the frame before it. */
  readonly isFurther: boolean;
}

function parseEac3Frame(data: Uint8Array, offset: number): Eac3Frame | undefined {
  if (data[offset + 5]! >> 3 <= MAX_AC3_BSID) return undefined;
  const bits = new BitReader(data, offset + 2);
  const type = bits.readBits(2); // strmtyp
  const substream = bits.readBits(3); // substreamid
  const frameBytes = (bits.readBits(11) + 1) * 2; // frmsiz
  const fscod = bits.readBits(2);
  const code = bits.readBits(2); // numblkscod, or fscod2
  const channels = CHANNELS[bits.readBits(3)]! + bits.readBit();
  const fullRate = SAMPLE_RATES[fscod === 3 ? code : fscod];
  if (type === RESERVED_TYPE || fullRate === undefined || frameBytes < HEADER_BYTES) {
    return undefined;
  }
  const blocks = fscod === 3 ? 6 : BLOCKS[code]!;
  return {
    frameBytes,
    samples: blocks * SAMPLES_PER_BLOCK,
    sampleRate: fscod === 3 ? fullRate / 2 : fullRate,
    channels,
    isFurther: type === DEPENDENT || substream > 0,
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

/**
 * Opus packets and the OpusHead configuration.
 *
 * Spec: RFC 6716 section 3.1 (the TOC byte), RFC 7845 section 5.1 (OpusHead).
 */

import { MediaError } from "../../../base/errors.ts";
import { ByteCursor } from "../../../base/byte_cursor.ts";

/** Opus always decodes to 48 kHz, whatever its input was. */
export const OPUS_SAMPLE_RATE = 48_000;

/** The most samples that a packet may hold: 120 ms. */
const MAX_PACKET_SAMPLES = 5760;

const MAGIC = "OpusHead";
const FAMILY_MONO_STEREO = 0;
const MIN_HEAD_BYTES = 19;

/** The fields of an OpusHead. */
export interface OpusHead {
  /** Output channels, 1 to 255. */
  readonly channels: number;
  /** Samples at 48 kHz to drop at the start. */
  readonly preSkip: number;
  /** Sampling rate of the original input, for information. */
  readonly inputSampleRate: number;
  /** `Output Gain`, Q7.8 dB, unsigned as stored. */
  readonly outputGain: number;
  readonly mappingFamily: number;
  readonly streamCount: number;
  readonly coupledCount: number;
  /** One decoded channel index per output channel. */
  readonly mapping: readonly number[];
}

/**
 * Samples per channel (at 48 kHz) in the Opus packet at `offset`; 0 where the bytes are no packet:
 * empty, without a frame count, or longer than 120 ms.
 */
export function opusPacketSamples(data: Uint8Array, offset = 0): number {
  const toc = data[offset];
  if (toc === undefined) return 0;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code === 3 ? (data[offset + 1] ?? 0) & 0x3F : 2;
  const samples = frames * frameSamples(toc >> 3);
  return samples <= MAX_PACKET_SAMPLES ? samples : 0;
}

/** Samples of one frame by the `config` number of Table 2. */
function frameSamples(config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config & 3]!; // SILK
  if (config < 16) return [480, 960][config & 1]!; // hybrid
  return [120, 240, 480, 960][config & 3]!; // CELT
}

/**
 * Parses an OpusHead. Throws a {@linkcode MediaError} `MEDIA_BAD_FRAME` when it is truncated or of
 * an unknown version.
 */
export function parseOpusHead(data: Uint8Array): OpusHead {
  const cursor = new ByteCursor(data);
  const magic = String.fromCharCode(...cursor.readBytes(MAGIC.length));
  const version = cursor.readU8();
  if (magic !== MAGIC || version > 15) {
    throw new MediaError(
      "MEDIA_BAD_FRAME",
      `Cannot parse the OpusHead: it begins with ${JSON.stringify(magic)}, version ${version}; ` +
        "the stream is damaged",
      { context: { version } },
    );
  }
  const channels = cursor.readU8();
  const fixed = {
    channels,
    preSkip: readLe16(cursor),
    inputSampleRate: readLe16(cursor) + readLe16(cursor) * 0x1_0000,
    outputGain: readLe16(cursor),
    mappingFamily: cursor.readU8(),
  };
  if (fixed.mappingFamily === FAMILY_MONO_STEREO) {
    const mapping = channels === 2 ? [0, 1] : [0];
    return { ...fixed, streamCount: 1, coupledCount: channels - 1, mapping };
  }
  const streamCount = cursor.readU8();
  const coupledCount = cursor.readU8();
  return { ...fixed, streamCount, coupledCount, mapping: [...cursor.readBytes(channels)] };
}

/** Writes an OpusHead, version 1. */
export function writeOpusHead(head: OpusHead): Uint8Array {
  const table = head.mappingFamily === FAMILY_MONO_STEREO ? 0 : 2 + head.channels;
  const data = new Uint8Array(MIN_HEAD_BYTES + table);
  const view = new DataView(data.buffer);
  for (let i = 0; i < MAGIC.length; i++) data[i] = MAGIC.charCodeAt(i);
  data[8] = 1;
  data[9] = head.channels;
  view.setUint16(10, head.preSkip, true);
  view.setUint32(12, head.inputSampleRate, true);
  view.setUint16(16, head.outputGain, true);
  data[18] = head.mappingFamily;
  if (table > 0) {
    data[19] = head.streamCount;
    data[20] = head.coupledCount;
    data.set(head.mapping, 21);
  }
  return data;
}

function readLe16(cursor: ByteCursor): number {
  return cursor.readU8() | cursor.readU8() << 8;
}

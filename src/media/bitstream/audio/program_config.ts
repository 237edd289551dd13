/**
 * The program config element of AAC: which channels there are, where `channelConfiguration` is 0.
 *
 * Spec: ISO/IEC 14496-3 section 4.4.1.1 (program_config_element) and Table 4.85 (id_syn_ele).
 */

import { MediaError } from "../../../base/errors.ts";
import { BitReader } from "../bit_reader.ts";
import { BitWriter } from "../bit_writer.ts";

/** `id_syn_ele` of a program config element: the first three bits of a raw data block. */
const ID_PCE = 5;
const ID_BITS = 3;

/** A program config element, without its comment. */
export interface ProgramConfig {
  /** Channels of all elements. */
  readonly channels: number;
  /** Everything from `element_instance_tag` to the last element, from the first bit on. */
  readonly bits: Uint8Array;
  /** How many of those bits there are. */
  readonly bitCount: number;
}

/**
 * Two single channels: what a stream without a program config element has (dual mono in ISDB). The
 * element says so in the place where a decoder looks for it.
 */
export function dualMonoConfig(objectType: number, rateIndex: number): ProgramConfig {
  const bits = new BitWriter();
  bits.write(0, 4); // element_instance_tag
  bits.write(objectType - 1, 2);
  bits.write(rateIndex, 4);
  bits.write(2, 4); // num_front_channel_elements
  bits.write(0, 4 + 4 + 2 + 3 + 4); // side, back, lfe, assoc_data, valid_cc
  bits.write(0, 3); // no mixdowns
  for (const tag of [0, 1]) bits.write(tag, 1 + 4); // front_element_is_cpe, tag_select
  return { channels: 2, bits: bits.bytes(), bitCount: bits.length };
}

/** Reads the program config element that a raw data block begins with, or undefined without one. */
export function programConfigOfFrame(frame: Uint8Array): ProgramConfig | undefined {
  if (!startsWithProgramConfig(frame)) return undefined;
  const bits = new BitReader(frame);
  bits.skipBits(ID_BITS);
  try {
    return readProgramConfig(bits, frame);
  } catch (error) {
    // Damaged input is the sender's: the next frame has another.
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}

/** Whether a raw data block begins with a program config element. */
export function startsWithProgramConfig(frame: Uint8Array): boolean {
  return frame.length > 0 && frame[0]! >> 5 === ID_PCE;
}

/** Reads an element behind its id. Throws a {@linkcode MediaError} where it is truncated. */
export function readProgramConfig(bits: BitReader, data: Uint8Array): ProgramConfig {
  const start = bits.bitOffset;
  bits.skipBits(4 + 2 + 4); // element_instance_tag, object_type, sampling_frequency_index
  const [front, side, back] = [bits.readBits(4), bits.readBits(4), bits.readBits(4)];
  const [lfe, assoc, coupling] = [bits.readBits(2), bits.readBits(3), bits.readBits(4)];
  if (bits.readFlag()) bits.skipBits(4); // mono_mixdown
  if (bits.readFlag()) bits.skipBits(4); // stereo_mixdown
  if (bits.readFlag()) bits.skipBits(3); // matrix_mixdown_idx, pseudo_surround_enable
  let channels = lfe;
  for (let i = 0; i < front + side + back; i++) {
    channels += bits.readFlag() ? 2 : 1;
    bits.skipBits(4); // tag_select
  }
  bits.skipBits(4 * (lfe + assoc) + 5 * coupling);
  const bitCount = bits.bitOffset - start;
  const copy = new BitWriter();
  copy.copy(data, start, bitCount);
  return { channels, bits: copy.bytes(), bitCount };
}

/**
 * Writes an element behind its id: its bits, `byte_alignment()` as counted from the writer's start,
 * and an empty comment.
 */
export function writeProgramConfig(config: ProgramConfig, into: BitWriter): void {
  into.copy(config.bits, 0, config.bitCount);
  into.align();
  into.write(0, 8); // comment_field_bytes
}

/** The element as whole bytes that go in front of a raw data block. */
export function programConfigPrefix(config: ProgramConfig): Uint8Array {
  const bits = new BitWriter();
  bits.write(ID_PCE, ID_BITS);
  writeProgramConfig(config, bits);
  return bits.bytes();
}

/**
 * H.264 in field pictures, which no encoder at hand writes: two fields a frame, every macroblock as
 * plain samples (`I_PCM`), so that the coding is a few lines. Small, and decodes to known pixels.
 */

import { concatBytes, createRandom } from "./fixtures.ts";

/** Width and height of the frames. */
export const FIELD_FRAME_SIZE = { width: 16, height: 32 };

const PROFILE_MAIN = 77;
const I_PCM = 25;

/** One frame of two fields. */
export interface FieldFrame {
  /** Each with its delimiter; the first of them has the parameter sets. */
  readonly fields: readonly [first: Uint8Array, second: Uint8Array];
}

/** Writes bits, most significant first. */
class BitWriter {
  readonly #bits: number[] = [];

  bits(value: number, count: number): this {
    for (let bit = count - 1; bit >= 0; bit--) this.#bits.push(Math.floor(value / 2 ** bit) % 2);
    return this;
  }

  ue(value: number): this {
    const length = Math.floor(Math.log2(value + 1));
    return this.bits(0, length).bits(value + 1, length + 1);
  }

  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value);
  }

  align(): this {
    while (this.#bits.length % 8 !== 0) this.#bits.push(0);
    return this;
  }

  /** The bytes, with `rbsp_trailing_bits`. */
  finish(): Uint8Array {
    this.bits(1, 1).align();
    const bytes = new Uint8Array(this.#bits.length / 8);
    this.#bits.forEach((bit, index) => bytes[index >> 3]! |= bit << 7 - (index & 7));
    return bytes;
  }
}

/** Frames of noise; one in `keyEvery` begins with an IDR picture. */
export function fieldFrames(count: number, keyEvery: number): FieldFrame[] {
  const random = createRandom(77);
  const samples = (): Uint8Array => Uint8Array.from({ length: 384 }, () => 16 + random(200));
  return Array.from({ length: count }, (_, index) => {
    const sinceKey = index % keyEvery;
    const sets = sinceKey === 0 ? [parameterSets()] : [];
    const field = (bottom: boolean): Uint8Array =>
      fieldSlice({
        bottom,
        idr: sinceKey === 0 && !bottom,
        frameNum: sinceKey,
        samples: samples(),
      });
    const delimiter = nal(9, Uint8Array.of(0x10));
    return {
      fields: [
        concatBytes([delimiter, ...sets, field(false)]),
        concatBytes([delimiter, field(true)]),
      ],
    };
  });
}

function parameterSets(): Uint8Array {
  const sps = new BitWriter().bits(PROFILE_MAIN, 8).bits(0, 8).bits(30, 8).ue(0)
    .ue(0).ue(0).ue(0) // frame_num of 4 bits, POC type 0 with 4 bits
    .ue(1).bits(0, 1) // one reference frame, no gaps
    .ue(0).ue(0) // one macroblock wide, one map unit high
    .bits(0, 1).bits(0, 1) // fields, no MBAFF
    .bits(1, 1).bits(0, 1).bits(0, 1).finish(); // direct_8x8_inference, no cropping, no VUI
  const pps = new BitWriter().ue(0).ue(0).bits(0, 1).bits(0, 1).ue(0).ue(0).ue(0).bits(0, 3)
    .se(0).se(0).se(0).bits(0, 3).finish();
  return concatBytes([nal(0x67, sps), nal(0x68, pps)]);
}

function fieldSlice(
  field: { bottom: boolean; idr: boolean; frameNum: number; samples: Uint8Array },
): Uint8Array {
  const { bottom, idr, frameNum, samples } = field;
  const bits = new BitWriter().ue(0).ue(7).ue(0).bits(frameNum % 16, 4)
    .bits(1, 1).bits(bottom ? 1 : 0, 1);
  if (idr) bits.ue(0); // idr_pic_id
  bits.bits((2 * frameNum + (bottom ? 1 : 0)) % 16, 4); // pic_order_cnt_lsb
  bits.bits(0, idr ? 2 : 1); // dec_ref_pic_marking
  bits.se(0).ue(I_PCM).align(); // slice_qp_delta, mb_type
  for (const sample of samples) bits.bits(sample, 8);
  return nal(idr ? 0x65 : 0x61, bits.finish());
}

/** A NAL unit with a start code, escaped. */
export function nal(header: number, rbsp: Uint8Array): Uint8Array {
  const bytes = [0, 0, 0, 1, header];
  let zeros = 0;
  for (const byte of rbsp) {
    if (zeros >= 2 && byte <= 3) {
      bytes.push(3);
      zeros = 0;
    }
    bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(bytes);
}

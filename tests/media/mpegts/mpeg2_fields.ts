/**
 * MPEG-2 video in field pictures, which no encoder at hand writes: frames of 16 × 32 pixels, of which
 * each field is one intra macroblock of six flat blocks. Decodes to known pixels.
 *
 * Spec: ISO/IEC 13818-2 sections 6.2 and 7.2.1, Tables B.12 and B.13 (DC coefficients).
 */

import { createRandom } from "./fixtures.ts";

/** `dct_dc_size` codes. */
const LUMA_SIZES = ["100", "00", "01", "101", "110", "1110", "11110", "111110", "1111110"];
const CHROMA_SIZES = ["00", "01", "10", "110", "1110", "11110", "111110", "1111110", "11111110"];

/** One frame of two fields. */
export interface Mpeg2FieldFrame {
  /** The first begins with the headers of its sequence and group, where it has some. */
  readonly fields: readonly [first: Uint8Array, second: Uint8Array];
}

/** Frames of flat blocks of random brightness, all intra; one in `keyEvery` begins a group. */
export function mpeg2FieldFrames(count: number, keyEvery: number): Mpeg2FieldFrame[] {
  const random = createRandom(99);
  return Array.from({ length: count }, (_, index) => {
    const place = index % keyEvery;
    const head = place === 0 ? [...sequence(), ...group()] : [];
    const field = (structure: number): number[] => fieldPicture({ structure, place, random });
    return { fields: [Uint8Array.from([...head, ...field(1)]), Uint8Array.from(field(2))] };
  });
}

function sequence(): number[] {
  // 25 frames a second, 4:3, no matrices; then Main profile, interlaced, 4:2:0.
  const header = code(
    0xB3,
    binary([[16, 12], [32, 12], [2, 4], [3, 4], [0x3FFFF, 18], [1, 1]]) +
      binary([[20, 10], [0, 3]]),
  );
  const extension = code(
    0xB5,
    binary([[1, 4], [0x48, 8], [0, 1], [1, 2], [0, 4], [0, 12]]) +
      binary([[1, 1], [0, 8], [0, 1], [0, 2], [0, 5]]),
  );
  return [...header, ...extension];
}

function group(): number[] {
  return code(0xB8, binary([[0, 25], [1, 1], [0, 1]]));
}

function fieldPicture(
  { structure, place, random }: {
    structure: number;
    place: number;
    random: (bound: number) => number;
  },
): number[] {
  const header = code(0x00, binary([[place, 10], [1, 3], [0xFFFF, 16], [0, 1]]));
  const extension = code(
    0xB5,
    binary([[8, 4], [0xFFFF, 16], [0, 2], [structure, 2]]) + // intra_dc_precision of 8 bits
      binary([[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]),
  );
  let bits = binary([[4, 5], [0, 1]]) + "1" + "1"; // quantiser, address increment, intra
  let before = 128;
  for (let block = 0; block < 4; block++) {
    const value = 30 + random(190);
    bits += dc(value - before, LUMA_SIZES);
    before = value;
  }
  for (let block = 0; block < 2; block++) bits += dc(random(100) - 50, CHROMA_SIZES);
  return [...header, ...extension, ...code(0x01, bits)];
}

/** A block that has nothing but a DC coefficient. */
function dc(difference: number, sizes: readonly string[]): string {
  const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
  const coded = difference < 0 ? difference + 2 ** size - 1 : difference;
  return sizes[size]! + binary([[coded, size]]) + "10"; // end of block
}

function binary(fields: readonly (readonly [value: number, bits: number])[]): string {
  return fields.map(([value, bits]) => bits === 0 ? "" : value.toString(2).padStart(bits, "0"))
    .join("");
}

function code(last: number, bits: string): number[] {
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return [0, 0, 1, last, ...bytes.map((byte) => parseInt(byte.padEnd(8, "0"), 2))];
}

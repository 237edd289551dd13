/**
 * Pictures of codecs of which only start codes are read: MPEG-4 part 2, VC-1 and AVS. The decoder says
 * how large they are, and in what order they are shown.
 *
 * Spec: ISO/IEC 14496-2 Table 6-3; SMPTE 421M annex E.5; GB/T 20090.2 Table 12.
 */

import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";

/** What start codes mean: their last byte. */
export interface StartCodes {
  /** Of pictures. */
  readonly pictures: ReadonlySet<number>;
  /** Of headers, which stand in front of a picture. */
  readonly headers: ReadonlySet<number>;
  /** Of those headers with which decoding can start. */
  readonly sequences: ReadonlySet<number>;
  /** Of what ends a sequence. */
  readonly ends: ReadonlySet<number>;
  /** Whether the picture whose start code ends at `at` is intra coded. */
  readonly isIntra: (data: Uint8Array, at: number) => boolean;
}

const MPEG4_OBJECT_LAYERS = [...Array(16).keys()].map((index) => 0x20 + index);
const MPEG4_OBJECTS = [...Array(32).keys()];

/** Of MPEG-4 part 2: `vop_coding_type` 0 is intra. */
export const MPEG4_START_CODES: StartCodes = {
  pictures: new Set([0xB6]),
  headers: new Set([...MPEG4_OBJECTS, ...MPEG4_OBJECT_LAYERS, 0xB0, 0xB3, 0xB5]),
  sequences: new Set(MPEG4_OBJECT_LAYERS),
  ends: new Set([0xB1]),
  isIntra: (data, at) => data[at + 1]! >> 6 === 0,
};

/** Of VC-1: the frame type stands behind fields of varying length, so that only headers tell. */
export const VC1_START_CODES: StartCodes = {
  pictures: new Set([0x0D]),
  headers: new Set([0x0E, 0x0F]),
  sequences: new Set([0x0F]),
  ends: new Set([0x0A]),
  isIntra: () => false,
};

/** Of AVS: pictures that are intra coded have a start code of their own. */
export const AVS_START_CODES: StartCodes = {
  pictures: new Set([0xB3, 0xB6]),
  headers: new Set([0xB0]),
  sequences: new Set([0xB0]),
  ends: new Set([0xB1]),
  isIntra: (data, at) => data[at] === 0xB3,
};

/** Reads pictures by their start codes alone. */
export class StartCodePictureReader implements PictureReader {
  readonly orderStep = 1;
  readonly hasZeroByte = false;
  readonly headerBytes = 1;
  readonly startsPicture = true;
  readonly #codes: StartCodes;
  #isSequenceStart = false;
  #intra = false;
  #picture: CodedPicture | undefined;

  /** Creates a reader of the codec that has these start codes. */
  constructor(codes: StartCodes) {
    this.#codes = codes;
  }

  /** Whether the picture read last is intra coded. */
  get intraSlice(): boolean {
    return this.#intra;
  }

  /** What begins with the start code whose last byte is at `nal`. */
  kind(data: Uint8Array, nal: number, _end: number): NalKind {
    const code = data[nal]!;
    if (this.#codes.pictures.has(code)) return "slice";
    if (this.#codes.headers.has(code)) return "parameter-set";
    return this.#codes.ends.has(code) ? "end" : "other";
  }

  /** Whether the first byte of a picture is there. */
  canRead(_data: Uint8Array, nal: number, end: number): boolean {
    return end > nal + 1;
  }

  /** Takes a picture. */
  slice(data: Uint8Array, nal: number, end: number): SliceRelation {
    this.#intra = end > nal + 1 && this.#codes.isIntra(data, nal);
    this.#picture = {
      randomAccess: this.#isSequenceStart,
      intra: this.#intra || this.#isSequenceStart,
      field: false,
      order: undefined,
      startsOrder: false,
      sequence: undefined,
    };
    this.#isSequenceStart = false;
    return "new-picture";
  }

  /** The picture that began last. */
  picture(): CodedPicture {
    return this.#picture!;
  }

  /** Takes a header; it is not read. */
  header(unit: Uint8Array): boolean {
    if (this.#codes.sequences.has(unit[0]!)) this.#isSequenceStart = true;
    return true;
  }

  /** There is no SEI. */
  recoveryPoint(): boolean {
    return false;
  }

  /** Each picture stands for itself. */
  reset(): void {}
}

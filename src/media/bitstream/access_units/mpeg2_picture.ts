/**
 * Pictures of MPEG-1 and MPEG-2 video: where they begin, and their order.
 *
 * Spec: ISO/IEC 13818-2 sections 6.2.2 (order of headers), 6.2.3 (pictures) and 6.3.8 and 6.3.9 (groups
 * of pictures, `temporal_reference`).
 */

import { sameBytes } from "../../../base/bytes.ts";
import { MediaError } from "../../../base/errors.ts";
import { MPEG2_CODE, parseMpeg2Picture, parseMpeg2Sequence } from "../mpeg2_video.ts";
import type { SequenceInfo } from "../vui.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "./picture_reader.ts";

/** The longest header: a quantiser matrix extension with four matrices. */
const MAX_HEADER_BYTES = 300;

/** Extensions behind one header that are read. */
const MAX_EXTENSIONS = 8;

const NO_BYTES = new Uint8Array(0);

/**
 * Reads MPEG-1 and MPEG-2. A picture begins with its header; what its slices belong to is told by the
 * headers in front of them.
 */
export class Mpeg2PictureReader implements PictureReader {
  readonly orderStep = 1;
  readonly hasZeroByte = false;
  readonly headerBytes = 1;
  readonly #order = new TemporalOrder();
  /** The headers of the sequence that came last, with their extensions and start codes. */
  #sequenceHeaders = new HeaderBytes();
  #sequenceRead: Uint8Array = NO_BYTES;
  #sequence: SequenceInfo | undefined;
  /** Whether a sequence header stands in front of the next picture. */
  #isSequenceStart = false;
  #pictureHeaders = new HeaderBytes();
  #startsPicture = false;
  #inPicture = false;
  #openField = false;
  #intra = false;
  #picture: CodedPicture | undefined;

  /** Whether the slice read last is the first behind a picture header. */
  get startsPicture(): boolean {
    return this.#startsPicture;
  }

  /** Whether the picture of the slice read last is intra coded. */
  get intraSlice(): boolean {
    return this.#intra;
  }

  /** What begins with the start code whose last byte is at `nal`. */
  kind(data: Uint8Array, nal: number, _end: number): NalKind {
    const code = data[nal]!;
    if (code >= MPEG2_CODE.FIRST_SLICE && code <= MPEG2_CODE.LAST_SLICE) return "slice";
    switch (code) {
      case MPEG2_CODE.PICTURE:
        return "delimiter";
      case MPEG2_CODE.SEQUENCE:
      case MPEG2_CODE.GROUP:
      case MPEG2_CODE.EXTENSION:
        return "parameter-set";
      case MPEG2_CODE.SEQUENCE_END:
        return "end";
      default:
        return "other";
    }
  }

  /** What is needed of a slice is its start code. */
  canRead(): boolean {
    return true;
  }

  /** Takes a slice: what counts is the picture header in front of it. */
  slice(): SliceRelation {
    this.#startsPicture = this.#pictureHeaders.isNew;
    if (!this.#startsPicture && this.#inPicture) return "same-picture";
    this.#inPicture = true;
    const header = parseMpeg2Picture(this.#pictureHeaders.take());
    this.#intra = header?.intra === true;
    const completes = this.#openField && header?.isField === true;
    this.#openField = header?.isField === true && !completes;
    if (completes) return "second-field";
    const startsOrder = this.#order.isAtStart;
    this.#picture = {
      // Pictures that follow a sequence header are those that a decoder can start at.
      randomAccess: this.#isSequenceStart,
      intra: this.#intra,
      field: this.#openField,
      order: header === undefined ? undefined : this.#order.next(header.temporalReference),
      startsOrder,
      sequence: this.#sequence,
    };
    this.#isSequenceStart = false;
    return "new-picture";
  }

  /** The picture that began last. */
  picture(): CodedPicture {
    return this.#picture!;
  }

  /** Takes a header or an extension; returns whether the sequence before it could be read. */
  header(unit: Uint8Array): boolean {
    switch (unit[0]) {
      case MPEG2_CODE.SEQUENCE:
        this.#sequenceHeaders.begin(unit);
        this.#isSequenceStart = true;
        return true;
      case MPEG2_CODE.GROUP:
        this.#order.beginGroup();
        return true;
      case MPEG2_CODE.PICTURE:
        this.#pictureHeaders.begin(unit);
        return !this.#sequenceHeaders.isNew || this.#readSequence(this.#sequenceHeaders.take());
      default:
        if (this.#pictureHeaders.isNew) this.#pictureHeaders.extend(unit);
        else this.#sequenceHeaders.extend(unit);
        return true;
    }
  }

  /** There is no SEI. */
  recoveryPoint(): boolean {
    return false;
  }

  /** Slices that follow do not go on with the picture before. */
  reset(): void {
    this.#inPicture = this.#openField = false;
    this.#pictureHeaders = new HeaderBytes();
    this.#order.restart();
  }

  #readSequence(headers: Uint8Array): boolean {
    if (sameBytes(headers, this.#sequenceRead)) return true;
    try {
      this.#sequence = parseMpeg2Sequence(headers);
      this.#sequenceRead = headers;
      return true;
    } catch (error) {
      // Damaged input is the sender's: the stream goes on with the header it had.
      if (!(error instanceof MediaError)) throw error;
      return false;
    }
  }
}

/** A header and its extensions, one behind the other with their start codes. */
class HeaderBytes {
  #pieces: Uint8Array[] = [];

  /** Whether there is a header that was not taken. */
  get isNew(): boolean {
    return this.#pieces.length > 0;
  }

  /** Takes a header, given from the last byte of its start code on. */
  begin(unit: Uint8Array): void {
    this.#pieces = [unit.slice(0, MAX_HEADER_BYTES)];
  }

  /** Takes an extension of it. */
  extend(unit: Uint8Array): void {
    if (!this.isNew || this.#pieces.length > MAX_EXTENSIONS) return;
    this.#pieces.push(unit.slice(0, MAX_HEADER_BYTES));
  }

  /** All of them, once. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + 3 + length, 0));
    let at = 0;
    for (const piece of this.#pieces) {
      bytes[at + 2] = 1;
      bytes.set(piece, at + 3);
      at += 3 + piece.length;
    }
    this.#pieces = [];
    return bytes;
  }
}

/** `temporal_reference` counts anew in each group of pictures, and wraps: this one goes on. */
class TemporalOrder {
  static readonly #WRAP = 1024;
  #base = 0;
  #last: number | undefined;
  #highest = -1;

  /** Whether the next picture's order does not follow on those before. */
  get isAtStart(): boolean {
    return this.#last === undefined && this.#highest < 0;
  }

  /** The place of the next picture. */
  next(temporalReference: number): number {
    let order = this.#base + temporalReference;
    if (this.#last !== undefined) {
      const off = (order - this.#last) % TemporalOrder.#WRAP;
      const half = TemporalOrder.#WRAP / 2;
      order = this.#last + (off > half ? off - 2 * half : off < -half ? off + 2 * half : off);
    }
    this.#last = order;
    this.#highest = Math.max(this.#highest, order);
    return order;
  }

  /** The next picture is the first of a group, in decoding order. */
  beginGroup(): void {
    this.#base = this.#highest + 1;
    this.#last = undefined;
  }

  /** Nobody knows how many pictures are missing here. */
  restart(): void {
    this.#base = 0;
    this.#last = undefined;
    this.#highest = -1;
  }
}

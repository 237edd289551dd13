/**
 * Pictures of H.264: where they begin, and their order.
 *
 * Spec: ISO/IEC 14496-10 sections 7.4.1.2.3 (order of NAL units) and 7.4.1.2.4 (first slice of a
 * picture).
 */

import { withoutTrailingZeros } from "../../video/annexb.ts";
import { H264_NAL, hasRecoveryPoint } from "../../video/h264.ts";
import { H264Order } from "./h264_order.ts";
import { H264ParameterSets } from "./h264_parameter_sets.ts";
import {
  areOfTwoPictures,
  emptyHead,
  type H264SliceHead,
  isIntra,
  readSliceHead,
} from "./h264_slice.ts";
import type { CodedPicture, NalKind, PictureReader, SliceRelation } from "../picture_reader.ts";
import { SliceReader } from "../slice_reader.ts";

const FIRST_PREFIX = 14;
const LAST_PREFIX = 18;
const DATA_PARTITION_A = 2;
const END_OF_SEQUENCE = 10;
const END_OF_STREAM = 11;

/** Slices of one picture whose headers are read; a picture of 4,096 lines may have as many rows. */
const MAX_READ_SLICES = 8192;

/** Reads H.264. */
export class H264PictureReader implements PictureReader {
  readonly orderStep = 2;
  readonly hasZeroByte = true;
  readonly headerBytes = 1;
  readonly #bits = new SliceReader();
  readonly #sets = new H264ParameterSets();
  readonly #order = new H264Order();
  /** The slice read last, and the one before it. */
  #head = emptyHead();
  #last = emptyHead();
  readonly #trial = emptyHead();
  #slices = 0;
  #openField = false;
  #picture: CodedPicture | undefined;

  /** Whether the slice read last begins with the first macroblock. */
  get startsPicture(): boolean {
    return this.#head.firstMb === 0;
  }

  /** Whether the slice read last is intra coded. */
  get intraSlice(): boolean {
    return isIntra(this.#head);
  }

  /** What the NAL unit at `nal` is. */
  kind(data: Uint8Array, nal: number, _end: number): NalKind {
    const type = data[nal]! & 0x1F;
    switch (type) {
      case H264_NAL.SLICE:
      case DATA_PARTITION_A:
      case H264_NAL.IDR:
        return "slice";
      case H264_NAL.SEI:
        return "sei";
      case H264_NAL.SPS:
      case H264_NAL.PPS:
        return "parameter-set";
      case H264_NAL.AUD:
        return "delimiter";
      case END_OF_SEQUENCE:
      case END_OF_STREAM:
        return "end";
      default:
        return type >= FIRST_PREFIX && type <= LAST_PREFIX ? "prefix" : "other";
    }
  }

  /** Whether the head of a slice can be read. */
  canRead(data: Uint8Array, nal: number, end: number): boolean {
    this.#read(this.#trial, data, { nal, end });
    return !this.#bits.overrun;
  }

  /** Reads the head of a slice. */
  slice(data: Uint8Array, nal: number, end: number): SliceRelation {
    if (this.#slices > MAX_READ_SLICES && data[nal + 1]! < 0x80) return "same-picture";
    [this.#head, this.#last] = [this.#last, this.#head];
    const head = this.#head;
    this.#read(head, data, { nal, end });
    const relation = this.#relate(head, this.#last);
    if (relation === "same-picture") {
      this.#slices++;
      return relation;
    }
    this.#slices = 1;
    this.#openField = relation === "new-picture" && head.field;
    if (relation === "second-field") {
      if (head.sps !== undefined) this.#order.secondField(head, head.sps);
      return relation;
    }
    let order = head.sps === undefined ? undefined : this.#order.next(head, head.sps);
    if (head.resetsOrder) order = this.#order.restart(head);
    this.#picture = {
      randomAccess: head.idr,
      intra: isIntra(head),
      field: head.field,
      order,
      startsOrder: head.idr || head.resetsOrder,
      sequence: head.sps ?? this.#sets.latest,
    };
    return relation;
  }

  /** The picture that began last. */
  picture(): CodedPicture {
    return this.#picture!;
  }

  /** Takes a sequence or picture parameter set; a delimiter says nothing that is needed. */
  header(nal: Uint8Array): boolean {
    const isDelimiter = (nal[0]! & 0x1F) === H264_NAL.AUD;
    return isDelimiter || this.#sets.take(withoutTrailingZeros(nal));
  }

  /** Whether an SEI unit holds a recovery point. */
  recoveryPoint(nal: Uint8Array): boolean {
    return hasRecoveryPoint(nal);
  }

  /** Slices that follow do not go on with the picture before. */
  reset(): void {
    this.#slices = 0;
    this.#openField = false;
  }

  #read(head: H264SliceHead, data: Uint8Array, place: { nal: number; end: number }): void {
    this.#bits.reset(data, place.nal + 1, place.end);
    readSliceHead(head, data[place.nal]!, { bits: this.#bits, sets: this.#sets });
  }

  #relate(head: H264SliceHead, last: H264SliceHead): SliceRelation {
    if (this.#slices === 0) return "new-picture";
    if (head.redundant > 0) return "same-picture";
    const known = head.sps !== undefined && last.sps !== undefined;
    // The second rule is ffmpeg's: senders exist whose pictures differ in nothing else.
    const begins = known && areOfTwoPictures(head, last) || head.firstMb <= last.firstMb;
    if (!begins) return "same-picture";
    const completes = known && this.#openField && head.field && head.bottom !== last.bottom &&
      head.frameNum === last.frameNum && !(head.idr && !last.idr);
    return completes ? "second-field" : "new-picture";
  }
}

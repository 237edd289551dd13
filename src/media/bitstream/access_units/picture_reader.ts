/**
 * What must be read of coded pictures to tell one from the next.
 *
 * @module
 */

import type { SequenceInfo } from "../video/vui.ts";

/**
 * What a NAL unit is to the access units around it. `"delimiter"` and `"parameter-set"` begin one; of
 * the first it is sure that the picture itself begins there. `"prefix"` and `"sei"` do unless the picture before goes on behind them. `"end"` ends one, `"other"`
 * belongs to whatever it stands in.
 */
export type NalKind =
  | "slice"
  | "delimiter"
  | "parameter-set"
  | "sei"
  | "prefix"
  | "end"
  | "other";

/** What a slice is to the one before. */
export type SliceRelation = "new-picture" | "second-field" | "same-picture";

/** A picture as the header of its first slice describes it. */
export interface CodedPicture {
  /** Whether it is an IDR or another intra random access point picture. */
  readonly randomAccess: boolean;
  /** Whether its first slice is intra coded. */
  readonly intra: boolean;
  /** Whether it is one field, whose frame is whole with the next one. */
  readonly field: boolean;
  /**
   * Picture order count: rises with presentation since `startsOrder`; undefined when the parameter
   * sets are not known.
   */
  readonly order: number | undefined;
  /** Whether its order does not follow on those before. */
  readonly startsOrder: boolean;
  /** The parameter set that it refers to, or the latest. */
  readonly sequence: SequenceInfo | undefined;
}

/** Reads the NAL units of one codec in the order of the stream. Never throws for what they hold. */
export interface PictureReader {
  /** What the picture order count rises by from one frame to the next, usually. */
  readonly orderStep: number;
  /** Whether a zero in front of a start code belongs to it, rather than to what is before. */
  readonly hasZeroByte: boolean;
  /** Bytes of a NAL unit header. */
  readonly headerBytes: number;
  /** What the NAL unit whose header begins at `nal` of `data`, before `end`, is. */
  kind(data: Uint8Array, nal: number, end: number): NalKind;
  /** Whether the head of a slice that may go on behind `end` can be read. */
  canRead(data: Uint8Array, nal: number, end: number): boolean;
  /** Reads the head of a slice. */
  slice(data: Uint8Array, nal: number, end: number): SliceRelation;
  /** The picture that the last slice with relation `"new-picture"` began. */
  picture(): CodedPicture;
  /** Whether the slice read last is the first of its picture by its own address. */
  readonly startsPicture: boolean;
  /** Whether the slice read last is intra coded. */
  readonly intraSlice: boolean;
  /**
   * Takes a parameter set or delimiter, up to the next start code; returns whether it could be read.
   * Zeros may stand behind it.
   */
  header(nal: Uint8Array): boolean;
  /** Whether an SEI unit says that decoding may start here. */
  recoveryPoint(nal: Uint8Array): boolean;
  /** Slices that follow do not go on with the picture before. */
  reset(): void;
}

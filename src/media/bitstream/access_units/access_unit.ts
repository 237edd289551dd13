/** Access units: what becomes of a stream of start codes. */

import type { CodedPicture } from "./picture_reader.ts";
import type { UnitMarkSink } from "./unit_mark.ts";

/** One picture with all that belongs to it; positions count from the start of the stream. */
export interface AccessUnit {
  /** From the start code of its first NAL unit to the next one's. Stays valid. */
  readonly data: Uint8Array;
  /** Where it begins. */
  readonly at: number;
  /** Where a delimiter, or else a parameter set, says that it begins; undefined without one. */
  readonly markedAt: number | undefined;
  /** Where the last SEI unit in front of its first slice begins. */
  readonly seiAt: number | undefined;
  /** Where its first slice begins. */
  readonly pictureAt: number;
  readonly picture: CodedPicture;
  /** Whether all its slices are intra coded. */
  readonly intra: boolean;
  /** Whether its SEI says that decoding may start here. */
  readonly recoveryPoint: boolean;
  /** Whether it was handed on before, by {@linkcode AccessUnitParser.handOn}, without its end. */
  readonly again: boolean;
}

/** What an {@linkcode AccessUnitParser} reports to. */
export interface AccessUnitSink extends UnitMarkSink {
  /** An access unit is whole, or was handed on. */
  unit(unit: AccessUnit): void;
  /** A parameter set could not be read. */
  badParameterSet(): void;
  /** Bytes belong to no access unit that could be used. */
  dropped(reason: "stray" | "too-large", bytes: number): void;
}

/** The unit in front of a mark. */
export interface MarkedUnit {
  /** It begins here, */
  readonly from: number;
  /** or up to here, if what lies between belongs to the unit before. */
  readonly to: number;
  /** Whether it is a random access point or has a recovery point. */
  readonly randomAccess: boolean;
  /** Whether all its slices so far are intra coded. */
  readonly intra: boolean;
}

/**
 * What an {@linkcode MpegTsDemuxer} has met so far. Nothing is dropped without being counted here.
 */
export interface DemuxStats {
  /** Transport packets seen. */
  readonly packets: number;
  /** Times that packets had to be searched for, after damage. */
  readonly resyncs: number;
  /** Bytes passed over in those searches, and incomplete packets at the end. */
  readonly skippedBytes: number;
  /** Packets that are missing by their continuity counters (counted once a gap). */
  readonly continuityErrors: number;
  /** Packets that came twice. */
  readonly duplicates: number;
  /** Packets that the sender marked as damaged, or whose adaptation field is. */
  readonly transportErrors: number;
  /** Packets that are scrambled. */
  readonly scrambled: number;
  /** Tables with a wrong CRC, or truncated. */
  readonly badSections: number;
  /** PES packets dropped: damaged, incomplete, or too large. */
  readonly corruptPes: number;
  /** Payload bytes that belong to no PES packet. */
  readonly strayBytes: number;
  /** Access units that were handed on too early: ends of PES packets are then not believed. */
  readonly falseEnds: number;
  /** Times that audio frames had to be searched for. */
  readonly audioResyncs: number;
  /** Audio bytes dropped in those searches, and incomplete frames at the end. */
  readonly audioSkippedBytes: number;
  /** Parameter sets that could not be parsed. */
  readonly badParameterSets: number;
  /** Frames dropped because nothing says when they are. */
  readonly untimed: number;
}

/** The counters behind {@linkcode DemuxStats}. */
export type DemuxCounters = { -readonly [Name in keyof DemuxStats]: number };

/** Creates counters at zero. */
export function createCounters(): DemuxCounters {
  return {
    packets: 0,
    resyncs: 0,
    skippedBytes: 0,
    continuityErrors: 0,
    duplicates: 0,
    transportErrors: 0,
    scrambled: 0,
    badSections: 0,
    corruptPes: 0,
    strayBytes: 0,
    falseEnds: 0,
    audioResyncs: 0,
    audioSkippedBytes: 0,
    badParameterSets: 0,
    untimed: 0,
  };
}

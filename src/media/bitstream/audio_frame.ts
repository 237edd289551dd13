/** One frame of coded audio as its own header describes it. */
export interface AudioFrameHeader {
  /** Size of the whole frame in bytes, header included. */
  readonly frameBytes: number;
  /** Offset from the frame's start to what a decoder gets: the bytes in front are framing. */
  readonly payloadOffset: number;
  /** Samples per channel. */
  readonly samples: number;
  /** Samples per second. */
  readonly sampleRate: number;
  /** Channels; 0 where the header does not say. */
  readonly channels: number;
}

/** What parsing a frame header gives: the header, too few bytes to tell, or no header at all. */
export type AudioFrameResult = AudioFrameHeader | "more" | "invalid";

/** Parses the frame header at `offset`. Pure; never throws. */
export type AudioFrameParser = (data: Uint8Array, offset: number) => AudioFrameResult;

import type { AudioCodec } from "../types.ts";

/** One frame of coded audio as its own header describes it. */
export interface AudioFrameHeader {
  /** Size of the whole frame in bytes, header included. */
  readonly frameBytes: number;
  /** Offset from the frame's start to what a decoder gets: the bytes in front are framing. */
  readonly payloadOffset: number;
  /** Samples per channel. */
  readonly samples: number;
  /** Samples per second; 0 where it is that of the frame before. */
  readonly sampleRate: number;
  /** Channels; 0 where the header does not say. */
  readonly channels: number;
  /** The codec, where the header says which of several it is. */
  readonly codec?: AudioCodec;
  /** Whether it is of another stream beside, which is not read. @default false */
  readonly isAside?: boolean;
  /** Whether any bytes may look like it: it is one where the frame before ended. @default false */
  readonly isUnmarked?: boolean;
}

/** What parsing a frame header gives: the header, too few bytes to tell, or no header at all. */
export type AudioFrameResult = AudioFrameHeader | "more" | "invalid";

/** Parses the frame header at `offset`. Pure; never throws. */
export type AudioFrameParser = (data: Uint8Array, offset: number) => AudioFrameResult;

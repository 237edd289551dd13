import type { AudioStreamInfo, Packet, VideoStreamInfo } from "../types.ts";
import type { UnsupportedStream } from "./tables/streams.ts";

/** What comes out of an {@linkcode MpegTsDemuxer}, in the order of arrival. */
export type TsEvent =
  /**
   * What the program holds: before its first packet, and again before the first packet of which it
   * is no longer true. What is not known yet is 0: width and height until a parameter set was seen,
   * sample rate and channels until an audio frame was; a stream that is listed will come.
   */
  | {
    readonly kind: "streams";
    readonly video?: VideoStreamInfo;
    readonly audio?: AudioStreamInfo;
    readonly unsupported: readonly UnsupportedStream[];
    /** Which program of an MPEG-TS this is. */
    readonly program?: ProgramChoice;
  }
  /**
   * One access unit, in 90 kHz ticks. Its data stays valid, as a view of a buffer that it shares
   * with its neighbours: copy it where the buffer itself is to be transferred or kept for long.
   */
  | { readonly kind: "packet"; readonly packet: Packet; readonly stream: "video" | "audio" }
  /** The packets that follow do not go on where those before ended. */
  | { readonly kind: "discontinuity"; readonly reason: "clock" | "loss" | "signalled" };

/** Which program is read, and what there is. */
export interface ProgramChoice {
  /**
   * Its number; undefined where the one that was asked for is not in the stream, 0 where there are no
   * tables and it is guessed.
   */
  readonly number: number | undefined;
  /** The numbers of all programs, in the order of the program association table. */
  readonly all: readonly number[];
}

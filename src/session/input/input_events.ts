/**
 * Segments into packets: what a session reads, wherever it comes from.
 *
 * @module
 */

import { describeError, MediaError } from "../../base/mod.ts";
import type { AudioFrame, VideoFrame } from "../../frames/mod.ts";
import { MpegTsDemuxer, type TsEvent } from "../../media/mpegts/mod.ts";
import type { SegmentSource } from "../../trickle/mod.ts";

/** What a session reads: packets, stream descriptions, and marks between them. */
export type InputEvent =
  | Exclude<TsEvent, { readonly kind: "packet" }>
  /** An access unit, and when it came, in milliseconds of the session's clock. */
  | Extract<TsEvent, { readonly kind: "packet" }> & { readonly arrivedMs?: number }
  /** A segment begins. */
  | { readonly kind: "segment"; readonly seq: number }
  /** Something is missing here: decoding goes on at the next keyframe. */
  | { readonly kind: "gap"; readonly skippedSegments: number }
  /** Pictures were left out here, since they waited for too long: the next is a keyframe. */
  | { readonly kind: "behind"; readonly pictures: number }
  /** A frame that is decoded already: pictures of the application; whoever reads it closes it. */
  | { readonly kind: "video-frame"; readonly frame: VideoFrame }
  /** The same of sound. */
  | { readonly kind: "audio-frame"; readonly frame: AudioFrame }
  /** Input that cannot be used; reading goes on. */
  | { readonly kind: "error"; readonly error: Error };

/** Bytes without a single MPEG-TS stream after which the input is reported as something else. */
const MAX_UNKNOWN_BYTES = 1 << 20;

/** What is read of a channel; whoever holds it may change it while the channel is read. */
export interface InputChoice {
  /** Number of the program of an MPEG-TS. @default the first that has video, else audio */
  program?: number | undefined;
}

/** What was read of a channel so far. */
export interface InputCounts {
  /** Segments that were begun. */
  segments_in: number;
  /** Bytes of their bodies. */
  input_bytes: number;
}

/**
 * Demuxes the segments of a trickle channel, and adds to `counts`. A segment that breaks off is a gap,
 * not an end. Input in which no MPEG-TS is found is reported once per stretch of 1 MiB or segment, as
 * an `error` event.
 */
export async function* demuxSegments(
  source: SegmentSource,
  counts: InputCounts = { segments_in: 0, input_bytes: 0 },
  choice: InputChoice = {},
): AsyncGenerator<InputEvent> {
  const demuxer = new MpegTsDemuxer();
  const recognition = new Recognition();
  for await (const segment of source) {
    // What the demuxer still holds is of the segment before.
    if (segment.skipped === 0) yield* demuxer.nextSegment();
    counts.segments_in++;
    yield { kind: "segment", seq: segment.seq };
    if (segment.skipped > 0) {
      demuxer.reset();
      yield { kind: "gap", skippedSegments: segment.skipped };
    }
    try {
      for await (const chunk of segment.body) {
        counts.input_bytes += chunk.length;
        demuxer.readProgram(choice.program);
        const events = demuxer.push(chunk);
        yield* events;
        const problem = recognition.note(chunk.length, events);
        if (problem !== undefined) yield { kind: "error", error: problem };
      }
    } catch (error) {
      demuxer.reset();
      yield { kind: "error", error: brokenSegment(segment.seq, error) };
      yield { kind: "gap", skippedSegments: 0 };
    }
    if (segment.isTruncated === true) {
      // What the demuxer still holds is half a picture.
      demuxer.reset();
      yield { kind: "gap", skippedSegments: 1 };
    }
    const problem = recognition.endSegment(demuxer.hasUnlistedStreams);
    if (problem !== undefined) yield { kind: "error", error: problem };
  }
  yield* demuxer.flush();
}

function brokenSegment(seq: number, cause: unknown): MediaError {
  return new MediaError(
    "MEDIA_BAD_CONTAINER",
    `Cannot read the rest of input segment ${seq}: ${describeError(cause)}; ` +
      "going on with the next one",
    { cause, context: { seq } },
  );
}

/** Watches whether the input looks like MPEG-TS at all. */
class Recognition {
  #recognized = false;
  #bytes = 0;

  note(byteCount: number, events: readonly TsEvent[]): MediaError | undefined {
    this.#recognized ||= events.some((event) => event.kind === "streams");
    if (this.#recognized) return undefined;
    this.#bytes += byteCount;
    return this.#bytes >= MAX_UNKNOWN_BYTES ? this.#report() : undefined;
  }

  /** `isPromising`: there are streams, whose tables may come. */
  endSegment(isPromising: boolean): MediaError | undefined {
    return this.#recognized || isPromising || this.#bytes === 0 ? undefined : this.#report();
  }

  #report(): MediaError {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot find an MPEG-TS stream in ${bytes} bytes of input: ` +
        "publish MPEG-TS (video/mp2t) with PAT and PMT at the start of each segment",
      { context: { bytes } },
    );
  }
}

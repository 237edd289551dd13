/**
 * What `publish` and `demo` send: a file, a camera or a test picture, in real time.
 *
 * @module
 */

import { MPEG_TIME_BASE } from "../base/mod.ts";
import {
  createTestMedia,
  looped,
  type MediaEvent,
  openMediaFile,
  paced,
  type PacingClock,
  type SegmentTotals,
  writeSegments,
} from "../source/mod.ts";
import type { SegmentSink } from "../trickle/mod.ts";
import type { TestFlags } from "./test_options.ts";

/** The input that names the test picture instead of a file. */
export const TEST_INPUT = "test";

/** What {@linkcode sendLive} sends. */
export interface LiveMediaOptions extends TestFlags {
  /** `test`, or a file or URL that ffmpeg opens. */
  readonly input: string;
  /** Whether a file begins anew at its end. */
  readonly loop: boolean;
  /** Ends the media early. */
  readonly signal: AbortSignal;
  /** What tells the time. @default the real time */
  readonly pacing?: PacingClock | undefined;
}

/**
 * Writes media to a sink in real time, one segment per keyframe, until it ends or the signal
 * aborts. The sink stays open. Rejects as the source does, for a file that cannot be read or
 * without ffmpeg, and as the sink does when the channel is gone.
 */
export async function sendLive(
  options: LiveMediaOptions,
  sink: SegmentSink,
): Promise<SegmentTotals> {
  const { signal, pacing } = options;
  const clock = pacing === undefined ? {} : { clock: pacing };
  const media = paced(openMedia(options), { signal, ...clock });
  return await writeSegments(media, () => sink.next());
}

function openMedia(options: LiveMediaOptions): AsyncIterable<MediaEvent> {
  const { input, loop, size, fps, audio, seconds = Infinity, signal } = options;
  if (input === TEST_INPUT) {
    return createTestMedia({ ...size, fps, seconds, audio, audioCodec: "aac", signal });
  }
  const file = openMediaFile(input, { signal });
  return upTo(loop ? looped(() => file) : file, seconds);
}

/** Ends media after so many seconds of decoding time. */
async function* upTo(
  media: AsyncIterable<MediaEvent>,
  seconds: number,
): AsyncGenerator<MediaEvent> {
  let firstTicks: number | undefined;
  for await (const event of media) {
    if (event.kind === "packet") {
      const { dtsTicks } = event.packet;
      firstTicks ??= dtsTicks;
      if (dtsTicks - firstTicks >= seconds * TICKS_PER_SECOND) return;
    }
    yield event;
  }
}

const TICKS_PER_SECOND = MPEG_TIME_BASE.den;

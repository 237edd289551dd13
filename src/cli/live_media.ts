/**
 * What `publish` and `demo` send: a file, a camera or a test picture, in real time.
 *
 * @module
 */

import { TICKS_PER_SECOND } from "../base/mod.ts";
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
import type { TestFlags } from "./options/test_options.ts";

/** The input that names the test picture instead of a file. */
export const TEST_INPUT = "test";

/** What {@linkcode LiveMedia} is made of. */
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
 * Media for a channel. What makes it (ffmpeg) may start while the channel is still being created:
 * {@linkcode begin}. It is sent once.
 */
export class LiveMedia implements AsyncDisposable {
  readonly #media: AsyncGenerator<MediaEvent>;
  readonly #abort = new AbortController();
  #first: Promise<IteratorResult<MediaEvent>> | undefined;

  /** Starts nothing yet. Throws a `RangeError` for a test picture that cannot be made. */
  constructor(options: LiveMediaOptions) {
    const { pacing } = options;
    const signal = AbortSignal.any([options.signal, this.#abort.signal]);
    const clock = pacing === undefined ? {} : { clock: pacing };
    this.#media = paced(openMedia({ ...options, signal }), { signal, ...clock });
  }

  /** Begins to make the first packets; their time begins when they are sent. Idempotent. */
  begin(): void {
    this.#first ??= this.#media.next();
    this.#first.catch(() => {}); // thrown when it is sent
  }

  /**
   * Writes the media to a sink in real time, one segment per keyframe, until it ends or the signal
   * aborts. The sink stays open. Rejects as the source does, for a file that cannot be read or
   * without ffmpeg, and as the sink does when the channel is gone.
   */
  async send(sink: SegmentSink): Promise<SegmentTotals> {
    return await writeSegments(this.#events(), () => sink.next());
  }

  /** Ends the media where it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#media.return(undefined);
  }

  async *#events(): AsyncGenerator<MediaEvent> {
    this.begin();
    const first = await this.#first!;
    if (first.done !== true) yield first.value;
    yield* this.#media;
  }
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

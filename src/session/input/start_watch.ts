/**
 * Why a stream shows nothing.
 *
 * @module
 */

import { MediaError, TICKS_PER_SECOND } from "../../base/mod.ts";

/** How much of the input may go by without a picture to start with: 2 s at 90 kHz. */
const MAX_WAIT_TICKS = 2 * TICKS_PER_SECOND;
/** How long a decoder may take for its first picture, in milliseconds. */
const MAX_DECODER_MS = 2_000;
/** So many pictures are inside it by then, or it waits for more of them. */
const MIN_DECODING = 60;

/** What is missing before pictures can come. */
export type MissingStart =
  /** The tables list pictures, and none came. */
  | "pictures"
  /** Pictures came, without a parameter set. */
  | "parameter-sets"
  /** Pictures came, and decoding can start at none of them. */
  | "keyframe";

/** What is said of pictures that came and cannot be decoded. */
const LACKS = {
  "parameter-sets":
    "no sequence parameter set that can be read; repeat parameter sets with each keyframe",
  keyframe:
    "neither an IDR picture nor a recovery point nor an I picture; send keyframes more often",
} as const;

/** Watches for the start of the pictures, and after a gap for their new start. Reports each stop once. */
export class StartWatch {
  readonly #now: () => number;
  #sinceTicks: number | undefined;
  #passed = 0;
  #isReported = false;
  #decodingSinceMs: number | undefined;
  #decoding = 0;
  #hasDecoded = false;

  /** `now` tells milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A packet of this time came, and something is missing. Returns what to report now. */
  missing(what: MissingStart, ticks: number): MediaError | undefined {
    this.#passed++;
    const passed = ticks - (this.#sinceTicks ??= ticks);
    if (passed < 0) this.#sinceTicks = ticks;
    if (this.#isReported || passed < MAX_WAIT_TICKS) return undefined;
    this.#isReported = true;
    if (what === "pictures") {
      return noPictures(
        "Cannot show pictures: the tables list them, and none came in 2 s of input; " +
          "check the encoder and its multiplexer",
        { missing: what },
      );
    }
    return noPictures(
      `Cannot start decoding: ${this.#passed} pictures in 2 s of input had ${LACKS[what]}`,
      { missing: what, pictures: this.#passed },
    );
  }

  /** Decoding starts, or goes on. Returns what to report now. */
  decoding(): MediaError | undefined {
    this.#sinceTicks = undefined;
    this.#passed = 0;
    this.#isReported = false;
    if (this.#hasDecoded) return undefined;
    this.#decodingSinceMs ??= this.#now();
    const tookMs = this.#now() - this.#decodingSinceMs;
    if (++this.#decoding < MIN_DECODING || tookMs < MAX_DECODER_MS) return undefined;
    this.#hasDecoded = true;
    return noPictures(
      `Cannot show pictures: the decoder made nothing of the first ${this.#decoding} in 2 s; ` +
        "the stream may be damaged, or the machine too slow",
      { decoding: this.#decoding },
    );
  }

  /** A picture came out. */
  decoded(): void {
    this.#hasDecoded = true;
  }
}

function noPictures(message: string, context: Readonly<Record<string, unknown>>): MediaError {
  return new MediaError("MEDIA_NO_STREAM", message, { context });
}

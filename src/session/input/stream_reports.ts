/**
 * What is said of the streams of an input: once each, as an error where something is missing, as a log
 * line where not.
 *
 * @module
 */

import { MediaError, roomLogger } from "../../base/mod.ts";
import type { ProgramChoice, UnsupportedStream } from "../../media/mpegts/mod.ts";
import type { AudioStreamInfo, VideoCodec, VideoStreamInfo } from "../../media/types.ts";

const log = roomLogger("session");

/** The streams that can be used. */
interface UsedStreams {
  readonly video: VideoStreamInfo | undefined;
  readonly audio: AudioStreamInfo | undefined;
}

/** Says once what is read of an input and what is left out. */
export class StreamReports {
  readonly #onError: (error: MediaError) => void;
  readonly #said = new Set<string>();
  #program = "";

  /** Creates reports; errors go to `onError`. */
  constructor(onError: (error: MediaError) => void) {
    this.#onError = onError;
  }

  /** Says which program is read, where there are several. Returns whether there is one to read. */
  program(program: ProgramChoice | undefined): boolean {
    if (program === undefined) return true;
    const { number, all } = program;
    const key = `${number} ${all}`;
    const isKnown = key === this.#program;
    this.#program = key;
    if (number === undefined) {
      if (!isKnown) this.#onError(noProgram(all));
      return false;
    }
    if (!isKnown && all.length === 0) {
      log.info("The input has no program tables: it is read by what its packets hold");
    }
    if (!isKnown && all.length > 1) {
      log.info("Reads program {number} of the input, which has {all}", {
        number,
        all: all.join(", "),
      });
    }
    return true;
  }

  /**
   * Says what is not read. That is an error where it leaves the stream without pictures or sound;
   * beside streams that can be used it is only logged.
   */
  unsupported(used: UsedStreams, streams: readonly UnsupportedStream[]): void {
    const found = streams.filter(({ name, pid }) => this.#isNew(`${pid} ${name}`));
    const isMissed = ({ medium }: UnsupportedStream): boolean =>
      medium !== "data" && used[medium] === undefined;
    const others = found.filter((stream) => !isMissed(stream));
    if (others.length > 0) {
      log.info("Leaves out of the input: {streams}", {
        streams: others.map(({ name, pid }) => `${name} (PID ${pid})`).join(", "),
      });
    }
    for (const stream of found.filter(isMissed)) this.#onError(unusable(stream));
  }

  /** Says that the ffmpeg in use cannot decode the video. */
  noDecoder(codec: VideoCodec): void {
    if (this.#isNew(`decoder ${codec}`)) this.#onError(noDecoder(codec));
  }

  /** Says that pictures are left out, since decoding takes longer than the stream. */
  behind(pictures: number): MediaError | undefined {
    log.warn("Decoding is behind the input: {pictures} pictures are left out", { pictures });
    return this.#isNew("behind") ? tooSlow(pictures) : undefined;
  }

  #isNew(what: string): boolean {
    const isNew = !this.#said.has(what);
    this.#said.add(what);
    return isNew;
  }
}

function unusable({ name, pid }: UnsupportedStream): MediaError {
  return new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot use the ${name} stream (PID ${pid}) of the input: publish H.264 or HEVC video ` +
      "and AAC, Opus, MP3 or AC-3 audio",
    { context: { name, pid } },
  );
}

function noDecoder(codec: VideoCodec): MediaError {
  return new MediaError(
    "MEDIA_UNSUPPORTED_CODEC",
    `Cannot decode the ${codec} video of the input: this ffmpeg has no decoder for it; install one ` +
      "that has, or publish H.264 or HEVC",
    { context: { codec } },
  );
}

function tooSlow(pictures: number): MediaError {
  return new MediaError(
    "MEDIA_TOO_SLOW",
    `Cannot decode as fast as pictures come: ${pictures} were left out, up to the newest keyframe; ` +
      "publish smaller or fewer pictures, or take streams off this machine",
    { context: { pictures } },
  );
}

function noProgram(all: readonly number[]): MediaError {
  return new MediaError(
    "MEDIA_NO_STREAM",
    "Cannot find the program that was asked for: the input has " +
      `${all.length === 1 ? "program" : "programs"} ${
        all.join(", ")
      }; change the parameter program`,
    { context: { programs: all } },
  );
}

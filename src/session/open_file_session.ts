/**
 * A session from a file to a file.
 *
 * @module
 */

import { type MediaFileInfo, openMediaFile } from "../source/mod.ts";
import { isMpegTsFile, openFileSink } from "./output/file_sink.ts";
import { Session } from "./session.ts";
import type { OutputAudioCodec, SessionOptions } from "./types.ts";

/** How {@linkcode openFileSession} sets a session up. */
export interface FileSessionOptions extends
  Omit<
    SessionOptions,
    | "source"
    | "media"
    | "sink"
    | "fixedStreams"
    | "inputFound"
    | "pace"
    | "targetFps"
    | "frameRate"
    | "audioCodec"
  > {
  /** Path of a media file, or anything else that ffmpeg opens. */
  readonly input: string;
  /** Path of the file to write: its ending says the container. */
  readonly output: string;
  /** Frame-rate cap. @default every frame */
  readonly targetFps?: number;
  /** Codec of the output's audio. @default "source": copied */
  readonly audioCodec?: OutputAudioCodec;
}

/** A session over files, and what is known of its input. */
export interface FileSession {
  readonly session: Session;
  /** What the input holds, as far as it could be found out beforehand. */
  readonly info: MediaFileInfo;
}

/**
 * Sets up a session that takes every frame of a file through the processor, as fast as it goes, and
 * drops none. Throws a `ConfigError`, `MediaError` or `FfmpegError` that names the file that cannot be
 * read or written.
 */
export async function openFileSession(options: FileSessionOptions): Promise<FileSession> {
  const { input, output, targetFps = Infinity, audioCodec = "source", ...rest } = options;
  const stop = new AbortController();
  const media = openMediaFile(input, { signal: stop.signal });
  const info = await media.describe();
  if (info === undefined) throw new TypeError("Cannot describe a file whose reading was aborted");
  const session = new Session({
    ...rest,
    media: { events: media, close: () => stop.abort() },
    sink: await openFileSink(output),
    fixedStreams: !isMpegTsFile(output),
    targetFps,
    frameRate: info.frameRate,
    audioCodec,
    pace: "complete",
  });
  return { session, info };
}

/**
 * What ffmpeg's messages about an input mean.
 *
 * @module
 */

import { FfmpegError, MediaError } from "../base/errors.ts";
import { withoutCredentials } from "../base/credentials.ts";

/** How an ffmpeg that read an input ended. */
export interface FailedRead {
  readonly code: number;
  readonly signal: string | null;
  readonly stderr: readonly string[];
}

const NOT_MEDIA =
  /invalid data found|moov atom not found|could not find codec parameters|unknown format/i;
const NO_STREAM = /matches no streams|does not contain any stream/i;

/**
 * The error of an input that ffmpeg could not read, or not to its end: a `MediaError` for contents,
 * an `FfmpegError` (`FFMPEG_EXIT`) for all else. `context.stderr` holds ffmpeg's last lines.
 */
export function unreadableInput(label: string, failed: FailedRead): MediaError | FfmpegError {
  const stderr = failed.stderr.map(withoutCredentials);
  const context = { input: label, code: failed.code, signal: failed.signal, stderr };
  if (stderr.some((line) => NO_STREAM.test(line))) return noPlayableStream(label, context);
  const unreadable = stderr.find((line) => NOT_MEDIA.test(line));
  if (unreadable !== undefined) {
    return new MediaError(
      "MEDIA_BAD_CONTAINER",
      `Cannot read ${label}: ${reason(unreadable, label)}; check that it is a whole media file`,
      { context },
    );
  }
  const last = stderr.at(-1) ?? `ffmpeg ended with ${failed.signal ?? `code ${failed.code}`}`;
  return new FfmpegError(
    "FFMPEG_EXIT",
    `Cannot read ${label}: ${reason(last, label)}; check that ffmpeg can open it`,
    { context },
  );
}

/** The error of an input without video and audio. */
export function noPlayableStream(
  label: string,
  context: Readonly<Record<string, unknown>> = { input: label },
): MediaError {
  return new MediaError(
    "MEDIA_NO_STREAM",
    `Cannot play ${label}: it has neither video nor audio; name another file or stream`,
    { context },
  );
}

/** ffmpeg's message without what it is about, which the error names already. */
function reason(line: string, label: string): string {
  const text = line.replace(/^\[[^\]]*\]\s*/, "");
  for (const prefix of [`file:${label}: `, `${label}: `]) {
    if (text.startsWith(prefix)) return text.slice(prefix.length);
  }
  return text;
}

/**
 * What the user named as input, for ffmpeg and for messages, and what ffmpeg says of it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { withoutCredentials } from "../base/credentials.ts";
import { ConfigError, describeError, FfmpegError, MediaError } from "../base/errors.ts";

/** An input that ffmpeg can be given. */
export interface InputAddress {
  /** Arguments up to and with `-i`. */
  readonly args: readonly string[];
  /** Its name in messages, without a password. */
  readonly label: string;
  /** The path, where it is a file. */
  readonly path: string | undefined;
}

/** A scheme has at least two letters: `C:` is a drive. */
const URL_SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** A URL with a host, which is never taken for a file. */
const URL_WITH_HOST = /^[a-z][a-z0-9+.-]+:\/\//i;

/**
 * How ffmpeg is to open a file, a camera device or a URL. `news: monday.mp4` is a file where it exists,
 * else a URL as `udp:` and others may be written.
 */
export function inputAddress(input: string): InputAddress {
  const label = withoutCredentials(input);
  if (/^\/dev\/video\d/.test(input)) {
    return { args: ["-f", "v4l2", "-i", input], label, path: input };
  }
  if (URL_SCHEME.test(input) && !/^file:/i.test(input) && !isFile(input)) {
    // Over UDP, a camera's pictures tear with every lost datagram.
    const options = /^rtsps?:/i.test(input) ? ["-rtsp_transport", "tcp"] : [];
    return { args: [...options, "-i", input], label, path: undefined };
  }
  const path = /^file:\/\//i.test(input) ? fileURLToPath(input) : input.replace(/^file:/i, "");
  // With a protocol, ffmpeg does not take the file's name for another protocol or for an option.
  return { args: ["-i", `file:${path}`], label: path, path };
}

/** The path of an input that is a file; undefined for a stream. */
export function inputPath(input: string): string | undefined {
  return inputAddress(input).path;
}

function isFile(input: string): boolean {
  if (URL_WITH_HOST.test(input)) return false;
  try {
    return Deno.statSync(input).isFile;
  } catch {
    return false; // whoever opens it as a URL says what is wrong
  }
}

/** Throws a `ConfigError` for a file that is not there or cannot be read as one. */
export async function checkInput({ path, label }: InputAddress): Promise<void> {
  if (path === undefined) return;
  let found: Deno.FileInfo;
  try {
    found = await Deno.stat(path);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : describeError(cause);
    throw cannotOpen(label, `${why}; check the path`, cause);
  }
  if (found.isDirectory) throw cannotOpen(label, "it is a folder; name a file in it");
}

function cannotOpen(label: string, why: string, cause?: unknown): ConfigError {
  return new ConfigError("CONFIG_INVALID", `Cannot open ${label}: ${why}`, {
    cause,
    context: { input: label },
  });
}

/** How an ffmpeg process that read an input ended. */
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

/** ffmpeg's message without the input's name, which the error already has. */
function reason(line: string, label: string): string {
  const text = line.replace(/^\[[^\]]*\]\s*/, "");
  for (const prefix of [`file:${label}: `, `${label}: `]) {
    if (text.startsWith(prefix)) return text.slice(prefix.length);
  }
  return text;
}

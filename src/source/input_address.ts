/**
 * What the user named as input, for ffmpeg and for messages.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { withoutCredentials } from "../base/credentials.ts";
import { ConfigError, describeError } from "../base/errors.ts";

/** An input that ffmpeg can be given. */
export interface InputAddress {
  /** Arguments up to and with `-i`. */
  readonly args: readonly string[];
  /** What to call it: without a password. */
  readonly label: string;
  /** The path, where it is a file. */
  readonly path: string | undefined;
}

/** Two letters at least: `C:` is a drive. */
const URL_SCHEME = /^[a-z][a-z0-9+.-]+:/i;

/** What no file is called: its name would end with a folder. */
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
  // With a protocol, ffmpeg takes no file's name for another protocol, or for an option.
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

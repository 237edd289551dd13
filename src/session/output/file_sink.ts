/**
 * Segments into one file.
 *
 * @module
 */

import { ConfigError, describeError, FfmpegError } from "../../base/mod.ts";
import { FfmpegChild } from "../../media/codec/mod.ts";
import type { SegmentSink, SegmentWriter } from "../../trickle/mod.ts";

/** Files that hold MPEG-TS as it is; ffmpeg turns it into anything else. */
const MPEG_TS_FILE = /\.(ts|m2ts|mts|mpegts)$/i;

/** Pictures may begin long after the sound, and be minutes apart, which is no jump of the clock. */
const LOOK_FAR = "-probesize 1G -analyzeduration 86400M -dts_delta_threshold 1000000".split(" ");
/** The sound between two pictures waits for the second. */
const QUEUE_MUCH = ["-max_muxing_queue_size", "1000000"] as const;

/**
 * A sink whose segments follow each other in one file: MPEG-TS as it is for `.ts` and the like, else
 * whatever container the name says, into which ffmpeg copies the streams. An existing file is replaced.
 *
 * Throws a `ConfigError` `CONFIG_INVALID` when the file cannot be written. `close()` rejects with an
 * `FfmpegError` when the container could not be written.
 */
export async function openFileSink(path: string): Promise<SegmentSink> {
  // ffmpeg would only find out with the first packet.
  const file = await createFile(path);
  if (MPEG_TS_FILE.test(path)) return new StreamSink(file.writable, () => Promise.resolve());
  file.close();
  const child = new FfmpegChild({
    name: "file writer",
    args: fileArguments(path),
    stdin: "piped",
    stdout: "null",
  });
  return new StreamSink(child.process.stdin, async () => {
    const { code } = await child.end();
    if (code !== 0) throw unwritten(path, child.stderrTail);
  });
}

/** The arguments of an ffmpeg that reads MPEG-TS and writes a file. */
export function fileArguments(path: string): string[] {
  return [
    ...["-hide_banner", "-loglevel", "error", "-nostats", ...LOOK_FAR],
    ...["-f", "mpegts", "-i", "pipe:0", "-map", "0", "-c", "copy", ...QUEUE_MUCH],
    // With a protocol, ffmpeg takes no file's name for another protocol, or for an option.
    ...["-y", `file:${path}`],
  ];
}

async function createFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (error) {
    throw new ConfigError(
      "CONFIG_INVALID",
      `Cannot write ${path}: ${describeError(error)}; check the folder and its permissions`,
      { cause: error, context: { path } },
    );
  }
}

function unwritten(path: string, stderr: readonly string[]): FfmpegError {
  return new FfmpegError(
    "FFMPEG_EXIT",
    `Cannot write ${path}: ${stderr.at(-1) ?? "ffmpeg failed"}; ` +
      "choose another container, such as .mp4, .mkv or .ts",
    { context: { path, stderr } },
  );
}

/** All segments, one after the other, into a stream of bytes. */
class StreamSink implements SegmentSink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #finished: () => Promise<void>;
  #segments = 0;
  #closing: Promise<void> | undefined;

  constructor(stream: WritableStream<Uint8Array>, finished: () => Promise<void>) {
    this.#writer = stream.getWriter();
    this.#finished = finished;
    this.#writer.closed.catch(() => {}); // a write or the close says so
  }

  next(): Promise<SegmentWriter> {
    return Promise.resolve({
      seq: this.#segments++,
      write: (bytes: Uint8Array) => this.#writer.write(bytes),
      close: () => Promise.resolve(),
      abandon: () => Promise.resolve(),
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close().catch(() => {}); // whoever wants to know calls close()
  }

  async #close(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (error) {
      // A child that failed closes its input: what it said is the better message.
      await this.#finished();
      throw error;
    }
    await this.#finished();
  }
}

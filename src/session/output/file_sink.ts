/**
 * Segments into one file.
 *
 * @module
 */

import { ConfigError, describeError, FfmpegError } from "../../base/mod.ts";
import { FfmpegChild } from "../../media/codec/mod.ts";
import { MpegTsDemuxer } from "../../media/mpegts/mod.ts";
import type { VideoCodec } from "../../media/types.ts";
import type { SegmentSink, SegmentWriter } from "../../trickle/mod.ts";

/** Files that hold MPEG-TS as it is; ffmpeg turns it into anything else. */
const MPEG_TS_FILE = /\.(ts|m2ts|mts|mpegts)$/i;
/** Files of the ISO base media format (ISO/IEC 14496-12). */
const ISO_MEDIA_FILE = /\.(mp4|m4v|mov|3gp|3g2|ismv)$/i;

/** Pictures may begin long after the sound, and be minutes apart, which is no jump of the clock. */
const LOOK_FAR = "-probesize 1G -analyzeduration 86400M -dts_delta_threshold 1000000".split(" ");
/** The sound between two pictures waits for the second. */
const QUEUE_MUCH = ["-max_muxing_queue_size", "1000000"] as const;

/** Whether a file holds MPEG-TS as it is, so that streams may join later. */
export function isMpegTsFile(path: string): boolean {
  return MPEG_TS_FILE.test(path);
}

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
  if (isMpegTsFile(path)) {
    return new StreamSink(() => ({ stream: file.writable, finished: () => Promise.resolve() }));
  }
  file.close();
  return new StreamSink((first) => startWriter(path, first));
}

/** Starts the ffmpeg that writes a container: the first bytes tell what the pictures are. */
function startWriter(path: string, first: Uint8Array | undefined): FileOutput {
  const child = new FfmpegChild({
    name: "file writer",
    args: fileArguments(path, first === undefined ? undefined : videoCodecOf(first)),
    stdin: "piped",
    stdout: "null",
  });
  const finished = async (): Promise<void> => {
    const { code } = await child.end();
    if (code !== 0) throw unwritten(path, child.stderrTail);
  };
  return { stream: child.process.stdin, finished };
}

/** What the tables at the head of a segment say of its pictures. */
function videoCodecOf(segment: Uint8Array): VideoCodec | undefined {
  const demuxer = new MpegTsDemuxer();
  for (const event of [...demuxer.push(segment), ...demuxer.flush()]) {
    if (event.kind === "streams") return event.video?.codec;
  }
  return undefined;
}

/** The arguments of an ffmpeg that reads MPEG-TS with such pictures and writes a file. */
export function fileArguments(path: string, codec?: VideoCodec): string[] {
  // QuickTime and Safari play HEVC whose parameter sets are in the header (ISO/IEC 14496-15 section
  // 8.4.1): ffmpeg's own choice, hev1, also lets them stand among the pictures.
  const tag = codec === "hevc" && ISO_MEDIA_FILE.test(path) ? ["-tag:v", "hvc1"] : [];
  return [
    ...["-hide_banner", "-loglevel", "error", "-nostats", ...LOOK_FAR],
    ...["-f", "mpegts", "-i", "pipe:0", "-map", "0", "-c", "copy", ...tag, ...QUEUE_MUCH],
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

/** Where a file's bytes go. */
interface FileOutput {
  readonly stream: WritableStream<Uint8Array>;
  /** Resolves when the file is written, once the stream was closed. */
  readonly finished: () => Promise<void>;
}

/** All segments, one after the other, into a stream of bytes. */
class StreamSink implements SegmentSink {
  readonly #open: (first: Uint8Array | undefined) => FileOutput;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #finished: () => Promise<void> = () => Promise.resolve();
  #segments = 0;
  #closing: Promise<void> | undefined;

  /** `open` gives the stream, with the first bytes that go there, if there are some. */
  constructor(open: (first: Uint8Array | undefined) => FileOutput) {
    this.#open = open;
  }

  next(): Promise<SegmentWriter> {
    return Promise.resolve({
      seq: this.#segments++,
      write: (bytes: Uint8Array) => this.#writerFor(bytes).write(bytes),
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

  #writerFor(first: Uint8Array | undefined): WritableStreamDefaultWriter<Uint8Array> {
    if (this.#writer !== undefined) return this.#writer;
    const { stream, finished } = this.#open(first);
    this.#finished = finished;
    this.#writer = stream.getWriter();
    this.#writer.closed.catch(() => {}); // a write or the close says so
    return this.#writer;
  }

  async #close(): Promise<void> {
    try {
      await this.#writerFor(undefined).close();
    } catch (error) {
      // A child that failed closes its input: what it said is the better message.
      await this.#finished();
      throw error;
    }
    await this.#finished();
  }
}

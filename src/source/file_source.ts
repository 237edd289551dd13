/**
 * Files, cameras and streams: whatever ffmpeg opens.
 *
 * @module
 */

import { FfmpegChild, type FfmpegOptions } from "../media/codec/mod.ts";
import { MpegTsDemuxer } from "../media/mpegts/mod.ts";
import {
  checkInput,
  type InputAddress,
  inputAddress,
  noPlayableStream,
  unreadableInput,
} from "./input_address.ts";
import type { MediaEvent } from "./media_event.ts";
import { paced, type PacingClock } from "./pacing.ts";
import { type InputPlan, type MediaFileInfo, probeInput } from "./probe.ts";

/** Options of {@linkcode openMediaFile}. */
export interface MediaFileOptions extends FfmpegOptions {
  /** Ends reading early, without an error. */
  readonly signal?: AbortSignal;
  /** Whether packets come at the speed of their clock, as from `paced`. @default false */
  readonly realtime?: boolean;
  /** What tells the time where packets come at the speed of their clock. @default the real time */
  readonly clock?: PacingClock;
}

/**
 * A file or stream that can be read. Each iteration reads it from its beginning, with an ffmpeg of
 * its own that ends with the loop. Clocks begin at about 1.4 s whatever those of the file are.
 */
export interface MediaFile extends AsyncIterable<MediaEvent> {
  /**
   * What is in it: for a progress bar. Asked once, before the first iteration. Rejects as iterating
   * does; undefined once the signal has aborted.
   */
  describe(): Promise<MediaFileInfo | undefined>;
}

/**
 * Names a file (a path or `file:` URL), a camera device (`/dev/video0`) or a stream (`rtsp:`,
 * `http:`, `rtmp:`, `srt:` and so on). H.264, HEVC, AAC, Opus, MP3 and AC-3 are taken as they are, as are
 * MPEG-1, MPEG-2, MPEG-4 part 2 and Dirac pictures of an MPEG-TS; everything else is transcoded to H.264 and AAC. Nothing is opened before it is iterated or
 * described; that throws a `ConfigError` for a file that is not there, a `MediaError` for one that
 * cannot be read (`MEDIA_BAD_CONTAINER`) or has nothing to play (`MEDIA_NO_STREAM`), and an
 * `FfmpegError` where ffmpeg is missing (`FFMPEG_MISSING`) or fails (`FFMPEG_EXIT`).
 */
export function openMediaFile(input: string, options: MediaFileOptions = {}): MediaFile {
  return new FfmpegFile(inputAddress(input), options);
}

class FfmpegFile implements MediaFile {
  readonly #address: InputAddress;
  readonly #options: MediaFileOptions;
  #plan: Promise<InputPlan | undefined> | undefined;

  constructor(address: InputAddress, options: MediaFileOptions) {
    this.#address = address;
    this.#options = options;
  }

  async describe(): Promise<MediaFileInfo | undefined> {
    return (await this.#probe())?.info;
  }

  [Symbol.asyncIterator](): AsyncIterator<MediaEvent> {
    const { realtime = false, signal, clock } = this.#options;
    const events = this.#read();
    return realtime
      ? paced(events, { ...(signal && { signal }), ...(clock && { clock }) })
      : events;
  }

  #probe(): Promise<InputPlan | undefined> {
    this.#plan ??= checkInput(this.#address).then(() => probeInput(this.#address, this.#options));
    return this.#plan;
  }

  async *#read(): AsyncGenerator<MediaEvent> {
    const { signal } = this.#options;
    const plan = await this.#probe();
    const isAborted = (): boolean => signal?.aborted === true;
    if (plan === undefined || isAborted()) return;
    const child = new FfmpegChild({
      ...this.#options,
      name: "media file",
      args: readArguments(this.#address, plan),
      stdin: "null",
      stdout: "piped",
    });
    const stop = (): void => void child.terminate();
    signal?.addEventListener("abort", stop, { once: true });
    let packets = 0;
    try {
      for await (const event of demuxed(child.process.stdout)) {
        if (isAborted()) return;
        if (event.kind === "packet") packets++;
        yield event;
      }
      const exit = await child.end();
      if (isAborted()) return;
      const { label } = this.#address;
      if (exit.code !== 0) throw unreadableInput(label, { ...exit, stderr: child.stderrTail });
      if (packets === 0) throw noPlayableStream(label);
    } finally {
      signal?.removeEventListener("abort", stop);
      await child.terminate();
    }
  }
}

async function* demuxed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<MediaEvent> {
  const demuxer = new MpegTsDemuxer();
  for await (const chunk of bytes) yield* demuxer.push(chunk);
  yield* demuxer.flush();
}

// Keyframes as often as in live streams: each begins a segment.
const TO_H264 = "-c:v libx264 -preset superfast -crf 20 -bf 0 -pix_fmt yuv420p " +
  "-force_key_frames expr:gte(t,n_forced*2) -vf crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0";
const TO_AAC = "-c:a aac -b:a 160k";

/** The arguments of an ffmpeg that reads an input and writes MPEG-TS. */
export function readArguments(address: InputAddress, { video, audio }: InputPlan): string[] {
  return [
    ...["-hide_banner", "-loglevel", "warning", "-nostats", "-nostdin"],
    ...address.args,
    ...(video === undefined ? [] : ["-map", video.map]),
    ...(audio === undefined ? [] : ["-map", audio.map]),
    ...(video?.plan === "transcode" ? TO_H264.split(" ") : ["-c:v", "copy"]),
    ...(video?.bitstreamFilter === undefined ? [] : ["-bsf:v", video.bitstreamFilter]),
    ...(audio?.plan === "transcode" ? TO_AAC.split(" ") : ["-c:a", "copy"]),
    // Without a delay of its own, ffmpeg passes packets on as they come.
    ...["-flush_packets", "1", "-f", "mpegts", "pipe:1"],
  ];
}

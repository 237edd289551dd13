/**
 * What a file or stream holds, as ffprobe sees it.
 *
 * @module
 */

import { schedulePatiently, systemClock } from "../base/clock.ts";
import { FfmpegError } from "../base/errors.ts";
import { roomLogger } from "../base/log.ts";
import { FfmpegChild, type FfmpegOptions, ffmpegProgram } from "../media/codec/mod.ts";
import { countEdits } from "./edit_list.ts";
import { type InputAddress, noPlayableStream, unreadableInput } from "./input_address.ts";

const log = roomLogger("source");

/** How a stream gets into MPEG-TS: as it is, or decoded and encoded anew. */
export type StreamPlan = "copy" | "transcode";

/** What is known of a file or stream before it is read. */
export interface MediaFileInfo {
  /** How long it is; undefined for live streams. */
  readonly durationSeconds: number | undefined;
  /** About how many pictures it has; undefined where neither the container nor the length says. */
  readonly frameCount: number | undefined;
  /** Pictures a second on the average; undefined where the container does not say. */
  readonly frameRate: number | undefined;
  /** How its pictures are read; undefined when it has none. */
  readonly video: StreamPlan | undefined;
  /** How its sound is read; undefined when it has none. */
  readonly audio: StreamPlan | undefined;
}

/** What is to be read of an input: stream specifiers of ffmpeg beside how to take them. */
export interface InputPlan {
  readonly info: MediaFileInfo;
  readonly video:
    | {
      readonly map: string;
      readonly plan: StreamPlan;
      /** What the pictures are to say of themselves, which only their container says. */
      readonly bitstreamFilter?: string;
    }
    | undefined;
  readonly audio: { readonly map: string; readonly plan: StreamPlan } | undefined;
}

/** The parts of ffprobe's output that are asked for. */
export interface ProbeOutput {
  readonly streams?: readonly ProbedStream[];
  readonly format?: { readonly format_name?: string; readonly duration?: string };
  /** The first of them, of files. */
  readonly packets?: readonly ProbedPacket[];
  /** How many parts of its media each stream shows by an edit list. @default 1 each */
  readonly edits?: readonly number[];
}

/** A packet as ffprobe prints it. */
export interface ProbedPacket {
  readonly stream_index: number;
  readonly pts_time?: string;
  /** With a D: it is decoded and not shown. */
  readonly flags?: string;
}

/** A stream as ffprobe prints it. */
export interface ProbedStream {
  readonly index: number;
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly avg_frame_rate?: string;
  readonly nb_frames?: string;
  readonly sample_aspect_ratio?: string;
  readonly disposition?: { readonly attached_pic?: number };
  readonly side_data_list?: readonly { readonly rotation?: number }[];
  readonly tags?: { readonly rotate?: string };
}

const ENTRIES = "format=format_name,duration" +
  ":stream=index,codec_type,codec_name,avg_frame_rate,nb_frames,sample_aspect_ratio" +
  ":stream_disposition=attached_pic:stream_side_data=rotation:stream_tags=rotate";

/**
 * How much of a file is searched for packets that are not shown: those of an edit list come
 * first.
 */
const FIRST_PACKETS = ["-read_intervals", "%+#64"] as const;
/** Sound that is not shown is the encoder's run-in, unless it is longer than that. */
const MAX_RUN_IN_SECONDS = 0.1;
/** Containers with edit lists. */
const WITH_EDITS = /^mov\b/;
/** Containers that say themselves how wide a pixel is. */
const WITH_ASPECT = /^(mov|matroska)\b/;

/** What our demuxer reads: `VideoCodec` and `AudioCodec`. */
const VIDEO_CODECS: ReadonlySet<string> = new Set(["h264", "hevc"]);
/** Of those it reads too where all headers are among the pictures, as in MPEG-TS. */
const TS_VIDEO_CODECS: ReadonlySet<string> = new Set([
  ...["mpeg1video", "mpeg2video", "mpeg4", "dirac"],
]);
const AUDIO_CODECS: ReadonlySet<string> = new Set(["aac", "opus", "mp3", "ac3"]);
/** Containers without presentation times, which MPEG-TS needs. */
const UNTIMED_FORMATS: ReadonlySet<string> = new Set(["avi", "h264", "hevc"]);

/** The longest wait for an address that does not answer. */
const PROBE_TIMEOUT_MS = 30_000;

/**
 * Looks into an input. Without an ffprobe beside ffmpeg nothing is known, and all is transcoded.
 * Throws a `MediaError` (`MEDIA_BAD_CONTAINER`, `MEDIA_NO_STREAM`) or an `FfmpegError`. Undefined
 * once the signal aborts.
 */
export async function probeInput(
  address: InputAddress,
  options: FfmpegOptions & { readonly signal?: AbortSignal },
): Promise<InputPlan | undefined> {
  let child: FfmpegChild;
  try {
    child = startProbe(address, options);
  } catch (error) {
    if (!(error instanceof FfmpegError && error.code === "FFMPEG_MISSING")) throw error;
    log.warn("No ffprobe beside ffmpeg: {input} is transcoded, its length is not known", {
      input: address.label,
    });
    return UNKNOWN;
  }
  const stop = (): void => void child.terminate();
  const cancel = schedulePatiently(systemClock, PROBE_TIMEOUT_MS, stop);
  options.signal?.addEventListener("abort", stop, { once: true });
  if (options.signal?.aborted === true) stop();
  const text = await new Response(child.process.stdout).text();
  const exit = await child.exited;
  cancel();
  options.signal?.removeEventListener("abort", stop);
  if (options.signal?.aborted === true) return undefined;
  if (exit.code !== 0) throw unreadableInput(address.label, { ...exit, stderr: child.stderrTail });
  const probed: ProbeOutput = JSON.parse(text);
  const { path } = address;
  const hasEdits = path !== undefined && WITH_EDITS.test(probed.format?.format_name ?? "");
  const edits = hasEdits ? await countEdits(path) : [];
  return planInput({ ...probed, edits }, address.label);
}

function startProbe(address: InputAddress, options: FfmpegOptions): FfmpegChild {
  return new FfmpegChild({
    ...(options.spawn === undefined ? {} : { spawn: options.spawn }),
    ffmpegPath: probeProgram(ffmpegProgram(options)),
    name: "media probe",
    args: probeArguments(address),
    stdin: "null",
    stdout: "piped",
  });
}

function probeArguments({ args, path }: InputAddress): string[] {
  // A live stream would be waited for.
  const [entries, first] = path === undefined || args.includes("v4l2")
    ? [ENTRIES, []]
    : [`${ENTRIES}:packet=stream_index,pts_time,flags`, FIRST_PACKETS];
  return [
    "-hide_banner",
    "-v",
    "error",
    "-of",
    "json",
    "-show_entries",
    entries,
    ...first,
    ...args,
  ];
}

/** The ffprobe that belongs to an ffmpeg: `/opt/bin/ffmpeg-7` has `/opt/bin/ffprobe-7`. */
function probeProgram(ffmpeg: string): string {
  const probe = ffmpeg.replace(/ffmpeg([^/\\]*)$/, "ffprobe$1");
  return probe === ffmpeg ? "ffprobe" : probe;
}

const UNKNOWN: InputPlan = {
  info: {
    durationSeconds: undefined,
    frameCount: undefined,
    frameRate: undefined,
    video: "transcode",
    audio: "transcode",
  },
  video: { map: "0:v:0?", plan: "transcode" },
  audio: { map: "0:a:0?", plan: "transcode" },
};

/** Chooses the first video and audio stream. Throws a `MediaError` where there is neither. */
export function planInput(
  { streams = [], format = {}, packets = [], edits = [] }: ProbeOutput,
  label: string,
): InputPlan {
  // The cover of a song is no video.
  const video = streams.find((stream) =>
    stream.codec_type === "video" && stream.disposition?.attached_pic !== 1
  );
  const audio = streams.find((stream) => stream.codec_type === "audio");
  if (video === undefined && audio === undefined) throw noPlayableStream(label);
  const timed = !UNTIMED_FORMATS.has(format.format_name ?? "");
  const plan = (copies: boolean): StreamPlan => copies && timed ? "copy" : "transcode";
  const isWhole = (stream: ProbedStream): boolean =>
    !isCut(stream, packets) && (edits[stream.index] ?? 1) <= 1;
  const readsVideo = ({ codec_name = "" }: ProbedStream): boolean =>
    VIDEO_CODECS.has(codec_name) ||
    format.format_name === "mpegts" && TS_VIDEO_CODECS.has(codec_name);
  const plans = {
    video: video && plan(readsVideo(video) && !isRotated(video) && isWhole(video)),
    audio: audio && plan(AUDIO_CODECS.has(audio.codec_name ?? "") && isWhole(audio)),
  };
  const bitstreamFilter = video === undefined || plans.video !== "copy"
    ? undefined
    : aspectFilter(video, format);
  const durationSeconds = positive(Number(format.duration));
  return {
    info: {
      ...plans,
      durationSeconds,
      frameCount: countFrames(video, durationSeconds),
      frameRate: averageRate(video),
    },
    video: video && {
      map: `0:${video.index}`,
      plan: plans.video!,
      ...(bitstreamFilter === undefined ? {} : { bitstreamFilter }),
    },
    audio: audio && { map: `0:${audio.index}`, plan: plans.audio! },
  };
}

/** Phones rotate pictures by the container's header, which MPEG-TS does not have. */
function isRotated({ side_data_list = [], tags }: ProbedStream): boolean {
  return [Number(tags?.rotate ?? 0), ...side_data_list.map(({ rotation = 0 }) => rotation)]
    .some((degrees) => degrees % 360 !== 0);
}

/**
 * Whether an edit list leaves out what its stream begins with. A copy would show it: MPEG-TS has no mark
 * for what is only decoded.
 */
function isCut({ index, codec_type }: ProbedStream, packets: readonly ProbedPacket[]): boolean {
  return packets.some(({ stream_index, flags = "", pts_time }) =>
    stream_index === index && flags.includes("D") &&
    (codec_type === "video" || Number(pts_time) < -MAX_RUN_IN_SECONDS)
  );
}

/** Lets the pictures say how wide their pixels are, where the container does: MPEG-TS does not. */
function aspectFilter(
  { codec_name, sample_aspect_ratio = "" }: ProbedStream,
  { format_name = "" }: { readonly format_name?: string },
): string | undefined {
  const [, num, den] = /^([1-9]\d*):([1-9]\d*)$/.exec(sample_aspect_ratio) ?? [];
  if (num === den || !WITH_ASPECT.test(format_name)) return undefined;
  return `${codec_name}_metadata=sample_aspect_ratio=${num}/${den}`;
}

function countFrames(
  video: ProbedStream | undefined,
  durationSeconds: number | undefined,
): number | undefined {
  if (video === undefined) return undefined;
  const counted = positive(Number(video.nb_frames));
  if (counted !== undefined || durationSeconds === undefined) return counted;
  return positive(Math.round(durationSeconds * (averageRate(video) ?? 0)));
}

function averageRate(video: ProbedStream | undefined): number | undefined {
  const [num = 0, den = 0] = (video?.avg_frame_rate ?? "").split("/").map(Number);
  return positive(num / den);
}

function positive(value: number): number | undefined {
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

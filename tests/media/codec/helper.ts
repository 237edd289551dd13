/** Streams made by ffmpeg, and waiting for conditions. */

import assert from "node:assert/strict";
import { rescaleTicks } from "../../../src/base/rational.ts";
import type { AudioStreamInfo, Packet, VideoStreamInfo } from "../../../src/media/types.ts";
import { NutDemuxer, type NutPacketEvent } from "../../../src/media/nut/mod.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";

export const TIME_BASE = { num: 1, den: 90_000 };
/** 26 hours in 90 kHz: 33 bits. */
export const LATE_START = 26 * 3600 * 90_000;

/** Runs ffmpeg with bytes on stdin; returns its stdout, and fails with its stderr. */
export async function ffmpeg(
  args: string,
  input: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array> {
  return await runProgram("ffmpeg", ["-hide_banner", "-loglevel", "error", ...split(args)], input);
}

/** Runs ffprobe on bytes; returns what it prints. */
export async function ffprobe(args: string, input: Uint8Array): Promise<string> {
  const output = await runProgram("ffprobe", ["-v", "error", ...split(args), "pipe:0"], input);
  return new TextDecoder().decode(output).trim();
}

/** The words of a command line. */
export function split(args: string): string[] {
  return args.split(/\s+/).filter((arg) => arg !== "");
}

async function runProgram(command: string, args: string[], input: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const feed = writer.write(input).then(() => writer.close());
  const [output] = await Promise.all([child.output(), feed]);
  const stderr = new TextDecoder().decode(output.stderr);
  assert.equal(output.code, 0, `${command} ${args.join(" ")}: ${stderr}`);
  return output.stdout;
}

export interface VideoClip {
  readonly stream: VideoStreamInfo;
  readonly packets: readonly Packet[];
}

export interface VideoClipOptions {
  /** Arguments after the source: the codec and its options. */
  readonly encode?: string;
  readonly size?: string;
  /** The lavfi source; testsrc2 only has even sizes. */
  readonly source?: string;
  readonly rate?: number | string;
  readonly frames?: number;
  /** A filter before the encoder. */
  readonly filter?: string;
  readonly codec?: "h264" | "hevc";
  readonly reorderDepth?: number;
  readonly color?: VideoStreamInfo["color"];
  readonly startTicks?: number;
}

/** What ffmpeg made so far, or will make with others, by its arguments. */
const made = new Map<string, Made>();

/** The output of an ffmpeg without input, which runs once for these arguments. */
function makeOnce(args: string): Promise<Uint8Array> {
  if (!made.has(args)) prepare([args]);
  return made.get(args)!();
}

function prepare(all: readonly string[]): void {
  const batch = new FfmpegBatch();
  for (const args of all) {
    if (!made.has(args)) made.set(args, batch.add(split(args)));
  }
}

/** Lets one ffmpeg make these clips, which {@linkcode makeVideo} then gives. */
export function prepareVideos(...clips: readonly VideoClipOptions[]): void {
  prepare(clips.map(videoArgs));
}

function videoArgs(options: VideoClipOptions): string {
  const { size = "320x180", rate = 30, frames = 30, source = "testsrc2" } = options;
  const { encode = "-c:v libx264 -preset superfast -tune zerolatency" } = options;
  const filter = options.filter === undefined ? "" : `-vf ${options.filter}`;
  const [numerator = 0, denominator = 1] = `${rate}`.split("/").map(Number);
  // An input without end would keep ffmpeg busy until the last clip of its batch is there.
  const input = `${source}=s=${size}:r=${rate}:d=${frames * denominator / numerator}`;
  return `-f lavfi -i ${input} -frames:v ${frames} ${filter} -pix_fmt yuv420p
    ${encode} -flags -global_header -fps_mode passthrough -f nut pipe:1`;
}

/** A clip of ffmpeg's test picture, with packets on a 90 kHz clock. */
export async function makeVideo(options: VideoClipOptions = {}): Promise<VideoClip> {
  const { size = "320x180", codec = "h264", reorderDepth = 0 } = options;
  const nut = await makeOnce(videoArgs(options));
  const packets = toPackets("video", nut, options.startTicks ?? LATE_START);
  const [width = 0, height = 0] = size.split("x").map(Number);
  const color = options.color ?? { matrix: "bt601", fullRange: false };
  return { stream: { kind: "video", codec, width, height, reorderDepth, color }, packets };
}

export interface AudioClipOptions {
  readonly encode: string;
  readonly source?: string;
  readonly seconds?: number;
  readonly startTicks?: number;
}

/** Lets one ffmpeg make these clips, which {@linkcode makeAudio} then gives. */
export function prepareAudio(...clips: readonly AudioClipOptions[]): void {
  prepare(clips.map(audioArgs));
}

function audioArgs(
  { encode, source = "sine=f=440:r=48000", seconds = 1 }: AudioClipOptions,
): string {
  return `-f lavfi -i ${source} -t ${seconds} ${encode} -f nut pipe:1`;
}

/** A tone in a codec, with packets on a 90 kHz clock. */
export async function makeAudio(
  options: AudioClipOptions,
): Promise<{ stream: AudioStreamInfo; packets: Packet[] }> {
  const nut = await makeOnce(audioArgs(options));
  const [streams] = new NutDemuxer().push(nut);
  assert.ok(streams?.kind === "streams");
  const [info] = streams.streams;
  assert.ok(info?.kind === "audio");
  const { sampleRate, channels, extradata = new Uint8Array(0) } = info;
  const codec = info.format as AudioStreamInfo["codec"];
  const stream: AudioStreamInfo = { kind: "audio", codec, sampleRate, channels, extradata };
  return { stream, packets: toPackets("audio", nut, options.startTicks ?? LATE_START) };
}

function toPackets(kind: Packet["kind"], nut: Uint8Array, startTicks: number): Packet[] {
  const [streams, ...events] = new NutDemuxer().push(nut);
  assert.ok(streams?.kind === "streams");
  const from = streams.streams[0]!.timeBase;
  const packets = events.filter((event): event is NutPacketEvent => event.kind === "packet");
  const lowest = Math.min(...packets.map((packet) => packet.ptsTicks));
  const pts = packets.map((packet) =>
    startTicks + rescaleTicks(packet.ptsTicks - lowest, from, TIME_BASE)
  );
  const shown = [...pts].sort((a, b) => a - b);
  // Decoding times rise by a picture each, ahead of every presentation time.
  const ahead = Math.max(0, ...pts.map((ticks, i) => shown[i]! - ticks));
  return packets.map(({ keyframe, data }, i) => ({
    kind,
    ptsTicks: pts[i]!,
    dtsTicks: shown[i]! - ahead,
    keyframe,
    data,
  }));
}

/** The packets' times in the order in which they are shown. */
export function shownPts(packets: readonly { readonly ptsTicks: number }[]): number[] {
  return packets.map((packet) => packet.ptsTicks).sort((a, b) => a - b);
}

/** Collects what an iterable gives, as it comes. */
export function collect<T>(source: AsyncIterable<T>): { items: T[]; done: Promise<void> } {
  const items: T[] = [];
  const read = async (): Promise<void> => {
    for await (const item of source) items.push(item);
  };
  const done = read();
  // A test that awaits it gets the error; one that failed before must show its own.
  done.catch(() => {});
  return { items, done };
}

/** All bytes one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Peak signal-to-noise ratio in dB. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum === 0 ? Infinity : 10 * Math.log10(255 ** 2 / (sum / a.length));
}

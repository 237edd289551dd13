/** Output bytes as pictures with their frame numbers, and as sound. */

import { rescaleTicks } from "../../src/base/mod.ts";
import { type Picture, readStamp, yuvPlanes } from "../../src/frames/mod.ts";
import { NutDemuxer, type NutEvent } from "../../src/media/nut/mod.ts";
import { flashBlock } from "../../src/source/mod.ts";
import { runProgram } from "./ffmpeg.ts";

/** 90 kHz. */
const TIME_BASE = { num: 1, den: 90_000 };
const SAMPLE_RATE = 48_000;
/** Above this a sample belongs to a beep, whose peak is 0.5. */
const BEEP_LEVEL = 0.1;
/** Quiet for this long before it: a beep, not a zero crossing within one. */
const QUIET_TICKS = 9_000;

/** One decoded picture. */
export interface OutputFrame {
  readonly ptsTicks: number;
  /** The frame number read from the picture. */
  readonly stamp: number | undefined;
  readonly picture: Picture;
}

/** Decodes the video of a container, in display order; the picture size may change on the way. */
export async function decodeVideo(media: Uint8Array): Promise<OutputFrame[]> {
  const { stdout } = await runProgram(
    "ffmpeg",
    "-v error -nostdin -copyts -i pipe:0 -map 0:v -fps_mode passthrough -enc_time_base 1:90000 " +
      "-c:v rawvideo -pix_fmt yuv420p -f nut pipe:1",
    media,
  );
  const { packets, streams } = readNut(stdout);
  const [info] = streams;
  if (info?.kind !== "video") throw new Error("There is no video");
  const { width, height, timeBase } = info;
  return packets.map(({ ptsTicks, data }) => {
    const picture: Picture = { pixelFormat: "i420", data, width, height };
    const stamp = readStamp(picture);
    return { ptsTicks: rescaleTicks(ptsTicks, timeBase, TIME_BASE), stamp, picture };
  });
}

/** A piece of sound: one channel at 48 kHz. */
export interface OutputSound {
  readonly ptsTicks: number;
  readonly samples: Float32Array;
}

/** Decodes the audio of a container to one channel of 48 kHz. */
export async function decodeAudio(media: Uint8Array): Promise<OutputSound[]> {
  const { stdout } = await runProgram(
    "ffmpeg",
    `-v error -nostdin -copyts -i pipe:0 -map 0:a -ac 1 -ar ${SAMPLE_RATE} -c:a pcm_f32le ` +
      "-f nut pipe:1",
    media,
  );
  const { packets, streams } = readNut(stdout);
  const timeBase = streams[0]?.timeBase ?? TIME_BASE;
  return packets.map(({ ptsTicks, data }) => ({
    ptsTicks: rescaleTicks(ptsTicks, timeBase, TIME_BASE),
    samples: new Float32Array(data.slice().buffer),
  }));
}

/** When beeps begin, in ticks. */
export function beepStarts(sound: readonly OutputSound[]): number[] {
  const starts: number[] = [];
  let lastLoud = -Infinity;
  for (const { ptsTicks, samples } of sound) {
    for (const [index, sample] of samples.entries()) {
      if (Math.abs(sample) < BEEP_LEVEL) continue;
      const ticks = ptsTicks + index * 90_000 / SAMPLE_RATE;
      if (ticks - lastLoud > QUIET_TICKS) starts.push(ticks);
      lastLoud = ticks;
    }
  }
  return starts;
}

/** How long the sound is that is not silence. */
export function soundSeconds(sound: readonly OutputSound[]): number {
  let samples = 0;
  for (const piece of sound) {
    if (piece.samples.some((sample) => Math.abs(sample) > 0.01)) samples += piece.samples.length;
  }
  return samples / SAMPLE_RATE;
}

/** How loud it is on the whole: the root of the sum of squares. */
export function loudness(sound: readonly OutputSound[]): number {
  let sum = 0;
  for (const { samples } of sound) for (const sample of samples) sum += sample ** 2;
  return Math.sqrt(sum);
}

/** When the test picture flashes, in ticks. */
export function flashTimes(frames: readonly OutputFrame[]): number[] {
  return frames.filter(({ picture }) => meanLuma(picture, flashBlock(picture)) > 128)
    .map(({ ptsTicks }) => ptsTicks);
}

/** A part of a picture, in pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The mean brightness of a part of a picture, 0 to 255. */
export function meanLuma(picture: Picture, { x, y, width, height }: Region): number {
  const { data, strideBytes } = yuvPlanes(picture).y;
  let sum = 0;
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) sum += data[row * strideBytes + column]!;
  }
  return sum / (width * height);
}

function readNut(bytes: Uint8Array) {
  const events: NutEvent[] = new NutDemuxer().push(bytes);
  return {
    streams: events.flatMap((event) => event.kind === "streams" ? event.streams : []),
    packets: events.filter((event) => event.kind === "packet"),
  };
}

/** What is fed into the chain: clips whose frames carry their number. */

import assert from "node:assert/strict";
import { type MediaClip, readClip } from "../../bench/live_feed.ts";
import type { Packet } from "../../src/media/types.ts";
import {
  createTestMedia,
  createTestPicture,
  drawTestFrame,
  type TestMediaOptions,
} from "../../src/source/mod.ts";
import { runProgram } from "./ffmpeg.ts";

/** The size and rate of most clips: small, so that a busy machine holds them. */
export const CLIP = { width: 320, height: 240, fps: 20 } as const;

/** A test picture with beeps: 20 fps, a keyframe a second, H.264 and AAC unless told otherwise. */
export async function makeTestClip(options: Partial<TestMediaOptions> = {}): Promise<MediaClip> {
  const clip: { -readonly [Key in keyof MediaClip]: MediaClip[Key] } = {
    video: undefined,
    audio: undefined,
    packets: [],
  };
  const packets: Packet[] = [];
  const media = createTestMedia({ ...CLIP, seconds: 3, gopSeconds: 1, ...options });
  for await (const event of media) {
    if (event.kind === "streams") ({ video: clip.video, audio: clip.audio } = event);
    else if (event.kind === "packet") packets.push(event.packet);
  }
  return { ...clip, packets };
}

/** The times of a clip's pictures in the order in which they are shown: picture n holds stamp n. */
export function shownTicks(clip: MediaClip): number[] {
  return clip.packets.filter(({ kind }) => kind === "video").map(({ ptsTicks }) => ptsTicks)
    .sort((a, b) => a - b);
}

/** The same clip at another time. */
export function movedClip(clip: MediaClip, byTicks: number): MediaClip {
  const packets = clip.packets.map((packet) => ({
    ...packet,
    ptsTicks: packet.ptsTicks + byTicks,
    dtsTicks: packet.dtsTicks + byTicks,
  }));
  return { ...clip, packets };
}

/** How {@linkcode encodeClip} makes a clip. */
export interface EncodeOptions {
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  readonly frames?: number;
  /** ffmpeg's words for the video encoder; `undefined` for none. */
  readonly video?: string | undefined;
  /** ffmpeg's words for the audio encoder; `undefined` for none. */
  readonly audio?: string | undefined;
  /** ffmpeg's source of sound. */
  readonly sound?: string;
  /** Words for the container, such as its time of beginning. */
  readonly container?: string;
}

/** A stamped clip as another encoder makes it: the bytes of an MPEG-TS, and its packets. */
export interface EncodedClip extends MediaClip {
  readonly bytes: Uint8Array;
  readonly seconds: number;
}

/** Encodes the test picture and a tone with ffmpeg, into MPEG-TS as ffmpeg writes it. */
export async function encodeClip(options: EncodeOptions): Promise<EncodedClip> {
  const { width = 320, height = 240, fps = 20, frames = 2 * fps } = options;
  const { sound = "sine=frequency=440:sample_rate=48000", container = "" } = options;
  const seconds = frames / fps;
  const words = [
    "-v error -nostdin -y",
    options.video === undefined
      ? ""
      : `-f rawvideo -pix_fmt yuv420p -s ${width}x${height} -r ${fps} -i pipe:0`,
    options.audio === undefined ? "" : `-f lavfi -t ${seconds} -i ${sound}`,
    options.video ?? "",
    options.audio ?? "",
  ];
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const pictures = options.video === undefined
      ? new Uint8Array(0)
      : testPictures({ width, height, fps, frames });
    await runProgram("ffmpeg", [...words, container, "-f mpegts", path].join(" "), pictures);
    const clip = await readClip(path);
    const count = shownTicks(clip).length;
    assert.equal(count, options.video === undefined ? 0 : frames, "frames made by ffmpeg");
    return { ...clip, bytes: await Deno.readFile(path), seconds };
  } finally {
    await Deno.remove(path);
  }
}

/** Raw pictures, one chunk each. */
function testPictures(
  { width, height, fps, frames }: { width: number; height: number; fps: number; frames: number },
): ReadableStream<Uint8Array> {
  const picture = createTestPicture({ width, height });
  let frameNumber = 0;
  return new ReadableStream({
    pull(controller) {
      if (frameNumber === frames) return controller.close();
      drawTestFrame(picture, { frameNumber: frameNumber++, fps });
      controller.enqueue(picture.data.slice());
    },
  });
}

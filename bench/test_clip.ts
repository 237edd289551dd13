/**
 * The media that benches run on.
 *
 * @module
 */

import { type MediaClip, readClip } from "./live_feed.ts";

/** What a clip looks like. */
export interface ClipShape {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly seconds: number;
  /** Whether there is a tone. @default true */
  readonly audio?: boolean;
}

/** A clip with a moving picture and a tone: H.264 as live sources send it, and AAC. */
export async function makeClip(
  { width, height, fps, seconds, audio = true }: ClipShape,
): Promise<MediaClip> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  const picture = `testsrc2=size=${width}x${height}:rate=${fps}`;
  try {
    const { success, stderr } = await new Deno.Command("ffmpeg", {
      args: [
        ...["-v", "error", "-y", "-f", "lavfi", "-i", picture],
        ...(audio ? ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"] : []),
        ...["-t", `${seconds}`],
        ...["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-g", `${fps * 2}`],
        ...["-c:a", "aac", "-f", "mpegts", path],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`Cannot make a clip: ${new TextDecoder().decode(stderr)}`);
    return await readClip(path);
  } finally {
    await Deno.remove(path);
  }
}

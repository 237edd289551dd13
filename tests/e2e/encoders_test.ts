/**
 * All that ffmpeg can write into MPEG-TS and play: each codec goes through a live stream, and through a
 * file session, as ffmpeg decodes it. Which encoders there are is asked of ffmpeg.
 */

import assert from "node:assert/strict";
import { defineProcessor } from "../../src/processor/mod.ts";
import { openFileSession } from "../../src/session/mod.ts";
import { within } from "../waiting.ts";
import { encodeClip, type EncodedClip } from "./clips.ts";
import { decodeAudio, decodeVideo, soundSeconds } from "./decoding.ts";
import { runProgram } from "./ffmpeg.ts";
import { Chain } from "./harness.ts";

/** What MPEG-TS has a way to list; of the rest ffmpeg writes private data that it does not know again. */
const VIDEO_CODECS = ["mpeg1video", "mpeg2video", "mpeg4", "h264", "hevc", "dirac"];
const AUDIO_CODECS = [
  ...["aac", "mp2", "mp3", "ac3", "eac3", "dts", "opus"],
  ...["truehd", "s302m", "pcm_bluray"],
];
/** Encoders that need a card. */
const HARDWARE = /_(nvenc|qsv|vaapi|v4l2m2m|omx|amf|mf|vulkan|videotoolbox)$/;
/** Blu-ray's formats are only known in its packets of 192 bytes, beside pictures that it knows. */
const BLURAY = "-mpegts_m2ts_mode 1";
const BLURAY_VIDEO = "mpeg2video";
/** What some encoders need. */
const OPTIONS: Readonly<Record<string, string>> = {
  libx264rgb: "-preset ultrafast",
  libx264: "-preset ultrafast",
  libx265: "-preset ultrafast -x265-params log-level=error",
  vc2: "-b:v 20M",
  dca: "-strict -2",
  opus: "-strict -2",
  s302m: "-strict -2",
  truehd: `-strict -2 ${BLURAY}`,
  pcm_bluray: BLURAY,
};
/** Pictures of each clip. */
const FRAMES = 15;
/** A file session reads what our demuxer does not by ffmpeg: some of the pairs are enough. */
const FILE_EVERY = 3;
/** A frame of each codec, and what its encoder needs to run in and out. */
const SOUND_TOLERANCE_SECONDS = 0.15;

interface Pair {
  readonly video: string;
  readonly audio: string;
}

const pairs = await encoderPairs();

Deno.test("every codec that ffmpeg writes into MPEG-TS comes through live and from a file", async (t) => {
  assert.ok(pairs.length >= 10, `${pairs.length} encoders`);
  await using chain = await Chain.startHere("passthrough", { targetFps: 60 });
  for (const [index, { video, audio }] of pairs.entries()) {
    const clip = await encodeClip({
      video: `-c:v ${video} ${video === "libx264rgb" ? "" : "-pix_fmt yuv420p"} ${words(video)}`,
      audio: `-c:a ${audio} -ac 2 ${words(audio)}`,
      fps: 25,
      frames: FRAMES,
    });
    const expected = await listed(clip.bytes);
    assert.equal(expected.length, FRAMES);
    await t.step(`${video} and ${audio}, live`, async () => {
      await using stream = await chain.open();
      await stream.feedBytes(clip.bytes);
      const { bytes } = await stream.end();
      assert.deepEqual(await listed(bytes), expected);
      await assertSound(bytes, clip);
      const { frames_dropped, error_count, codec_restarts } = await chain.metrics();
      assert.deepEqual([frames_dropped, error_count, codec_restarts], [0, 0, 0]);
    });
    if (index % FILE_EVERY > 0) continue;
    await t.step(`${video} and ${audio}, from a file`, async () => {
      const bytes = await processed(clip);
      assert.deepEqual(await listed(bytes), expected);
      await assertSound(bytes, clip);
    });
  }
});

function words(encoder: string): string {
  return OPTIONS[encoder] ?? "";
}

/** Pictures and sound of each encoder at least once. */
async function encoderPairs(): Promise<Pair[]> {
  const { stdout } = await runProgram("ffmpeg", "-hide_banner -encoders");
  const found: Record<"V" | "A", string[]> = { V: [], A: [] };
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const [, kind, name] = /^ ([VA])[A-Z.]{5} (\S+)/.exec(line) ?? [];
    if (kind !== "V" && kind !== "A" || name === undefined || HARDWARE.test(name)) continue;
    const codec = /\(codec (\S+)\)/.exec(line)?.[1] ?? name;
    if ((kind === "V" ? VIDEO_CODECS : AUDIO_CODECS).includes(codec)) found[kind].push(name);
  }
  const { V: videos, A: audios } = found;
  return Array.from({ length: Math.max(videos.length, audios.length) }, (_, index) => {
    const audio = audios[index % audios.length]!;
    const isBluray = words(audio).includes(BLURAY);
    return { video: isBluray ? BLURAY_VIDEO : videos[index % videos.length]!, audio };
  });
}

/** What a file session makes of a clip, with a processor that takes every frame. */
async function processed(clip: EncodedClip): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    const [input, output] = [`${folder}/in.ts`, `${folder}/out.ts`];
    await Deno.writeFile(input, clip.bytes);
    const processor = defineProcessor({ video: (frame) => frame })();
    const { session } = await openFileSession({ id: "file", input, output, processor });
    session.start();
    const end = await within(session.ended, "the end of the file");
    assert.equal(end.reason, "input-ended", end.reason === "failed" ? end.error.message : "");
    return await Deno.readFile(output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The numbers of the pictures, and how long after the first each is shown. */
async function listed(bytes: Uint8Array): Promise<unknown[]> {
  const frames = await decodeVideo(bytes);
  return frames.map(({ stamp, ptsTicks }) => ({ stamp, ticks: ptsTicks - frames[0]!.ptsTicks }));
}

/** All of the sound is there. */
async function assertSound(bytes: Uint8Array, clip: EncodedClip): Promise<void> {
  const seconds = soundSeconds(await decodeAudio(bytes));
  assert.ok(
    Math.abs(seconds - clip.seconds) < SOUND_TOLERANCE_SECONDS,
    `${seconds} s of sound instead of ${clip.seconds}`,
  );
}

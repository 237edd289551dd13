/** Which arguments an ffmpeg takes that the process of a stream may run. */

import assert from "node:assert/strict";
import {
  audioDecodeArguments,
  audioEncodeArguments,
  videoDecodeArguments,
  videoEncodeArguments,
} from "../../../src/media/codec/arguments.ts";
import { toneMapProbe } from "../../../src/media/codec/video/tone_map.ts";
import type { ColorInfo } from "../../../src/media/types.ts";
import { confinedFfmpegScript } from "../../../src/worker/isolation/process/confined_ffmpeg.ts";

const onUnix = { ignore: Deno.build.os === "windows" };
const URLS = { input: "pipe:0", output: "pipe:1" };
const TIME_BASE = { num: 1, den: 90_000 };
const BT601: ColorInfo = { matrix: "bt601", fullRange: false };
const HDR: ColorInfo = { matrix: "bt2020", fullRange: false, transfer: "smpte2084" };

/** Runs a script whose ffmpeg is `true`. Returns the exit codes, 64 for what is refused. */
async function exitCodes(lists: readonly (readonly string[])[]): Promise<number[]> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/ffmpeg`;
  try {
    await Deno.writeTextFile(path, confinedFfmpegScript("true"), { mode: 0o700 });
    return await Promise.all(lists.map(async (args) => {
      const { code } = await new Deno.Command(path, { args: [...args], stderr: "null" }).output();
      return code;
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function ownLists(): string[][] {
  const decode = { ...URLS, timeBase: TIME_BASE, color: BT601, inOrder: true, threads: 1 };
  const encode = {
    ...URLS,
    width: 641,
    height: 360,
    color: BT601,
    frameRate: 29.97,
    preset: "superfast",
    crf: 23,
    threads: 2,
  };
  const scale = { width: 640, height: 360 };
  const audio = { ...URLS, sampleRate: 48_000, channels: 2, downmix: true, bitrate: 64_000 };
  const probe = "-hide_banner -loglevel error -nostdin";
  const picture = `${probe} -f lavfi -i color=black:s=256x256:r=25`;
  return [
    videoDecodeArguments({ ...decode, pixelFormat: "i420", hardware: "none" }),
    videoDecodeArguments({ ...decode, pixelFormat: "rgb24", hardware: "cuda", scale }),
    videoDecodeArguments({
      ...decode,
      pixelFormat: "i420",
      hardware: "none",
      scale,
      sampleAspect: { num: 64, den: 45 },
      threads: 4,
      inOrder: false,
    }),
    videoDecodeArguments({
      ...decode,
      pixelFormat: "rgb24",
      hardware: "none",
      color: HDR,
      toneMap: "floats",
    }),
    videoDecodeArguments({
      ...decode,
      pixelFormat: "i420",
      hardware: "none",
      color: HDR,
      toneMap: "rotated-table",
      scale,
    }),
    toneMapProbe("rotated-table"),
    toneMapProbe("table"),
    toneMapProbe("floats"),
    videoEncodeArguments({ ...encode, pixelFormat: "i420", hardware: "none" }),
    videoEncodeArguments({
      ...encode,
      pixelFormat: "rgb24",
      hardware: "cuda",
      outputSize: scale,
      bitrate: 1e6,
      sampleAspect: { num: 1, den: 1 },
    }),
    audioDecodeArguments({ ...URLS, source: "aac" }),
    audioDecodeArguments({ ...URLS, source: "dts" }),
    audioEncodeArguments({ ...audio, codec: "opus" }),
    audioEncodeArguments({ ...audio, codec: "aac", source: "eac3", channels: 6 }),
    ["-hide_banner", "-version"],
    ["-hide_banner", "-encoders"],
    ["-hide_banner", "-decoders"],
    ["-hide_banner", "-filters"],
    `${picture} -frames:v 1 -pix_fmt yuv420p -c:v h264_nvenc -f null -`.split(" "),
    `${picture} -frames:v 3 -pix_fmt yuv420p -c:v libx264 -tune zerolatency -f h264 pipe:1`.split(
      " ",
    ),
    (`${probe} -hwaccel cuda -hwaccel_output_format cuda ` +
      "-f h264 -i pipe:0 -vf hwdownload,format=nv12 -f null -").split(" "),
  ];
}

Deno.test("a confined ffmpeg takes every list of arguments that coders have", onUnix, async () => {
  const lists = ownLists();
  const codes = await exitCodes(lists);
  assert.deepEqual(lists.filter((_, i) => codes[i] !== 0), []);
});

Deno.test(
  "a confined ffmpeg refuses whatever reads, writes or connects elsewhere",
  onUnix,
  async () => {
    const into = ["-f", "nut", "pipe:1"];
    const from = ["-f", "nut", "-i", "pipe:0"];
    const filtered = (filter: string): string[] => [...from, "-vf", filter, ...into];
    const lists = [
      ["-i", "/etc/passwd"],
      ["-f", "nut", "-i", "/etc/passwd", ...into],
      ["-f", "concat", "-i", "pipe:0", ...into],
      // Without a format the content decides, and it may be a list of files.
      ["-i", "pipe:0", ...into],
      ["-f", "h264", "-i", "pipe:0", "-i", "pipe:0", ...into],
      ["-f", "lavfi", "-i", "movie=/etc/passwd", ...into],
      ["-f", "nut", "-i", "http://127.0.0.1/", ...into],
      ["-f", "nut", "-i", "tcp://127.0.0.1:1", ...into],
      [...from, "-f", "nut", "-y", "/tmp/written"],
      [...from, "-f", "nut", "file:/tmp/written"],
      [...from, "-f", "hls", "pipe:1"],
      [...from, "pipe:1"],
      [...from, "-report", ...into],
      [...from, "-progress", "/tmp/written", ...into],
      [...from, "-vstats_file", "written", ...into],
      [...from, "-passlogfile", "written", ...into],
      [...from, "-flags", "+pass1", ...into],
      [...from, "-c:v", "libx264", "-x264-params", "pass=1:stats=written", ...into],
      [...from, "-x264-params", "fps=1:stats=written", ...into],
      [...from, "-attach", "/etc/passwd", ...into],
      [...from, "-filter_script", "/etc/passwd", ...into],
      [...from, "-/vf", "/etc/passwd", ...into],
      filtered("movie=/etc/passwd"),
      filtered("null,movie=x"),
      filtered("scale=w=1:h=1,subtitles=x"),
      filtered("scale=w=/etc/passwd"),
      filtered("scale=w=1:/h=/etc/passwd"),
      filtered("null;movie=x"),
      filtered("[in]movie=x[table]"),
      filtered("[x]null"),
      filtered("null[in]"),
      filtered("null[table][pictures]null"),
      filtered("haldclut=shortest=1"),
      filtered("scale=w=max(2\\,1),movie=x"),
      filtered("scale=w=max(2\\\\,movie=x"),
      filtered("drawtext=textfile=x"),
      filtered("null\nmovie=x"),
      filtered("scale='w'"),
      [...from, "-force_key_frames", "source", ...into],
      [...from, "-map", "$(id)", ...into],
      ["-init_hw_device", "opencl", ...from, ...into],
    ];
    const codes = await exitCodes(lists);
    assert.deepEqual(lists.filter((_, i) => codes[i] !== 64), []);
  },
);

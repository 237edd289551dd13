/** Files whose pictures and sound are hard to bring together, from container to container. */

import assert from "node:assert/strict";
import { withEdits } from "../source/edit_lists.ts";
import { openFileSession, type SessionMetrics } from "../../src/session/mod.ts";
import { decodeVideo, type OutputFrame } from "../e2e/decoding.ts";
import { runProgram } from "../e2e/ffmpeg.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { within } from "../waiting.ts";
import { assertAccounts, Passthrough } from "./rig.ts";

const SOUND = "-f lavfi -i sine=r=48000:d=20";
const H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
const AAC = "-c:a aac -b:a 128k -f matroska pipe:1";

const batch = new FfmpegBatch();

/** What is hard about each: its pictures are small, or far from each other. */
const CLIPS = {
  "black pictures": batch.add(
    `-f lavfi -i color=black:s=160x120:r=25:d=20 ${SOUND} ${H264} -g 250 ${AAC}`.split(" "),
  ),
  "a still picture": batch.add(
    `-f lavfi -i testsrc2=s=160x120:r=1/9:d=20 ${SOUND} ${H264} -bf 0 ${AAC}`.split(" "),
  ),
  "pictures twelve seconds apart": batch.add(
    `-f lavfi -i testsrc2=s=160x120:r=1/12:d=25 ${SOUND} ${H264} -bf 0 ${AAC}`.split(" "),
  ),
} as const;

/** Times of the packets of a file in seconds, from the first one on. */
async function packetTimes(path: string): Promise<{ video: number[]; audio: number[] }> {
  const { stdout } = await runProgram(
    "ffprobe",
    `-v error -show_entries packet=codec_type,pts_time -of csv=p=0 ${path}`,
  );
  const times = { video: [] as number[], audio: [] as number[] };
  for (const line of new TextDecoder().decode(stdout).trim().split("\n")) {
    const [kind, seconds] = line.split(",");
    times[kind === "video" ? "video" : "audio"].push(Number(seconds));
  }
  const first = Math.min(...times.video, ...times.audio);
  const moved = (all: number[]): number[] => all.map((time) => time - first).sort((a, b) => a - b);
  return { video: moved(times.video), audio: moved(times.audio) };
}

/** Takes a file through a processor that changes nothing. */
async function processed(
  input: string,
  output: string,
  options: { readonly audioCodec?: "source" | "opus" } = {},
): Promise<SessionMetrics> {
  const { session } = await openFileSession({
    id: "file",
    input,
    output,
    processor: new Passthrough(),
    ...options,
  });
  session.start();
  const end = await within(session.ended, "the end of the file");
  assert.equal(end.reason, "input-ended", end.reason === "failed" ? end.error.message : "");
  const metrics = session.metrics();
  assertAccounts(metrics);
  assert.equal(metrics.frames_dropped, 0);
  assert.equal(metrics.audio_packets_dropped, 0);
  assert.equal(metrics.error_count, 0);
  return metrics;
}

function assertSameTimes(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  // Matroska counts milliseconds.
  const off = actual.filter((time, index) => Math.abs(time - expected[index]!) > 0.002);
  assert.deepEqual(off, []);
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "runnel-files-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, clip] of Object.entries(CLIPS)) {
  for (const ending of ["mp4", "mkv"]) {
    Deno.test(`${name} with sound keep their times in ${ending}`, () =>
      withFolder(async (folder) => {
        const [input, output] = [`${folder}/in.mkv`, `${folder}/out.${ending}`];
        await Deno.writeFile(input, await clip());
        await processed(input, output);
        const [before, after] = await Promise.all([packetTimes(input), packetTimes(output)]);
        assertSameTimes(after.video, before.video);
        assertSameTimes(after.audio, before.audio);
      }));
  }
}

Deno.test("what an edit list cuts off is not shown, and the rest keeps its time", () =>
  withFolder(async (folder) => {
    const [whole, input, output] = ["whole", "in", "out"].map((name) => `${folder}/${name}.mp4`);
    await runProgram(
      "ffmpeg",
      "-v error -nostdin -f lavfi -i testsrc2=s=160x120:r=25:d=4 -f lavfi -i sine=d=4 " +
        `${H264} -bf 2 -g 250 -c:a aac ${whole}`,
    );
    await runProgram("ffmpeg", `-v error -nostdin -ss 1.3 -i ${whole} -c copy ${input}`);
    await processed(input!, output!);
    const [ours, theirs] = await Promise.all([shownFrames(output!), shownFrames(input!)]);
    assertSameTimes(ours.map(({ seconds }) => seconds), theirs.map(({ seconds }) => seconds));
    ours.forEach(({ frame }, index) => {
      const { data } = theirs[index]!.frame.picture;
      const sum = frame.picture.data.reduce((all, at, i) => all + Math.abs(at - data[i]!), 0);
      assert.ok(sum / data.length < 6, `picture ${index} is ${sum / data.length} levels off`);
    });
    const { audio } = await packetTimes(output!);
    assert.ok(Math.abs(audio.at(-1)! - ours.at(-1)!.seconds) < 0.1, "sound ends with the pictures");
  }));

Deno.test("what an edit list leaves out in the middle is not shown", () =>
  withFolder(async (folder) => {
    const [whole, input, output] = ["whole", "in", "out"].map((name) => `${folder}/${name}.mp4`);
    await runProgram(
      "ffmpeg",
      "-v error -nostdin -f lavfi -i testsrc2=s=160x120:r=25:d=6 -f lavfi -i sine=d=6 " +
        `${H264} -bf 2 -g 50 -c:a aac ${whole}`,
    );
    const parts = [[0, 1.4], [3.2, 1]] as const;
    await Deno.writeFile(input!, withEdits(await Deno.readFile(whole!), parts));
    await processed(input!, output!);
    const [ours, theirs] = await Promise.all([shownFrames(output!), shownFrames(input!)]);
    assert.ok(Math.abs(theirs.length - 60) < 3, `${theirs.length} pictures`);
    assertSameTimes(ours.map(({ seconds }) => seconds), theirs.map(({ seconds }) => seconds));
    ours.forEach(({ frame }, index) => {
      const { data } = theirs[index]!.frame.picture;
      const sum = frame.picture.data.reduce((all, at, i) => all + Math.abs(at - data[i]!), 0);
      assert.ok(sum / data.length < 6, `picture ${index} is ${sum / data.length} levels off`);
    });
  }));

/** What ffmpeg shows of a file: times from the first picture on, and pixels. */
async function shownFrames(path: string): Promise<{ seconds: number; frame: OutputFrame }[]> {
  const words = `-v error -nostdin -i ${path} -map 0:v -c:v ffv1 -f nut pipe:1`;
  const frames = await decodeVideo((await runProgram("ffmpeg", words)).stdout);
  const start = frames[0]!.ptsTicks;
  return frames.map((frame) => ({ frame, seconds: (frame.ptsTicks - start) / 90_000 }));
}

Deno.test("a container that says the rate of its pictures says that of the input", () =>
  withFolder(async (folder) => {
    const [input, output] = [`${folder}/in.mkv`, `${folder}/out.mkv`];
    await Deno.writeFile(input, await CLIPS["black pictures"]());
    await processed(input, output);
    const words = "-v error -select_streams v -show_entries stream=r_frame_rate -of csv=p=0";
    const { stdout } = await runProgram("ffprobe", `${words} ${output}`);
    assert.equal(new TextDecoder().decode(stdout).trim(), "25/1");
  }));

Deno.test("the shape of pixels that only the container tells comes out", () =>
  withFolder(async (folder) => {
    const [square, input, output] = ["square", "in", "out"].map((name) => `${folder}/${name}.mp4`);
    const picture = "-f lavfi -i testsrc2=s=352x288:r=25:d=0.2";
    await runProgram("ffmpeg", `-v error -nostdin ${picture} ${H264} ${square}`);
    await runProgram("ffmpeg", `-v error -nostdin -i ${square} -c copy -aspect 16:9 ${input}`);
    await processed(input!, output!);
    const words = "-v error -show_entries stream=sample_aspect_ratio -of csv=p=0";
    const { stdout } = await runProgram("ffprobe", `${words} ${output}`);
    assert.equal(new TextDecoder().decode(stdout).trim(), "16:11");
  }));

Deno.test("sound that is coded more slowly than pictures arrives with them", () =>
  withFolder(async (folder) => {
    const [input, output] = [`${folder}/in.mkv`, `${folder}/out.mkv`];
    await Deno.writeFile(input, await CLIPS["black pictures"]());
    await processed(input, output, { audioCodec: "opus" });
    const [before, after] = await Promise.all([packetTimes(input), packetTimes(output)]);
    assert.equal(after.video.length, before.video.length);
    assert.ok(Math.abs(after.audio.at(-1)! - before.audio.at(-1)!) < 0.1);
  }));

import assert from "node:assert/strict";
import { assertEveryFrame } from "./assertions.ts";
import { encodeClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { runProgram } from "./ffmpeg.ts";

const MOD = new URL("../../mod.ts", import.meta.url).pathname;
const GREY = new URL("./processors/tensor_grey.ts", import.meta.url).pathname;

Deno.test("process takes every frame of an MP4 through a user's processor and keeps its audio", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const clip = await encodeClip({
      video: "-c:v libx264 -preset fast -bf 2 -pix_fmt yuv420p",
      audio: "-c:a aac -ac 2",
      frames: 100,
    });
    const [input, output] = [`${folder}/in.mp4`, `${folder}/out.mp4`];
    await runProgram("ffmpeg", `-v error -i pipe:0 -c copy ${input}`, clip.bytes);
    await runProgram(
      Deno.execPath(),
      `run -A ${MOD} process ${input} ${output} --processor ${GREY}`,
    );
    const frames = await decodeVideoFile(output);
    const start = shownTicks(clip)[0]!;
    assertEveryFrame(
      frames.map((frame) => ({ ...frame, ptsTicks: frame.ptsTicks - frames[0]!.ptsTicks })),
      shownTicks(clip).map((ticks) => ticks - start),
    );
    assert.equal(await audioHash(output), await audioHash(input));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** An MP4 is read from its file: its index may be at its end. */
async function decodeVideoFile(path: string) {
  const { stdout } = await runProgram("ffmpeg", `-v error -i ${path} -c copy -f nut pipe:1`);
  return await decodeVideo(stdout);
}

/** A hash over the bytes of every audio packet. */
async function audioHash(path: string): Promise<string> {
  const { stdout } = await runProgram("ffmpeg", `-v error -i ${path} -map 0:a -c copy -f hash -`);
  return new TextDecoder().decode(stdout);
}

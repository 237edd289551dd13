import assert from "node:assert/strict";
import { runHere } from "./command_here.ts";
import { runToEnd } from "./command_process.ts";

async function run(program: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function withClip(use: (clip: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const clip = `${folder}/in.mp4`;
    await run("ffmpeg", [
      ..."-v error -f lavfi -i testsrc=s=160x120:r=24:d=2 -f lavfi -i sine=d=2".split(" "),
      ..."-c:v libx264 -pix_fmt yuv420p -g 24 -c:a aac".split(" "),
      clip,
    ]);
    await use(clip, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("process takes every frame through the processor, keeps the audio, and draws no bar into a pipe", async () => {
  await withClip(async (clip, folder) => {
    const out = `${folder}/out.mp4`;
    const { code, stdout, stderr } = await runToEnd([
      "process",
      clip,
      out,
      ..."--processor grayscale --size 80x60".split(" "),
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /48 frames in .* 0 dropped, 0 errors/);
    assert.ok(!stderr.includes("\r"), stderr);
    assert.doesNotMatch(stderr, /left/);
    const streams = await run("ffprobe", [
      ..."-v error -count_frames -show_entries".split(" "),
      "stream=codec_name,width,height,nb_read_frames",
      ..."-of csv=p=0".split(" "),
      out,
    ]);
    assert.match(streams, /h264,80,60,48/);
    assert.match(streams, /aac/);
  });
});

Deno.test("process names what is wrong with its files, with exit code 1", async () => {
  await withClip(async (clip, folder) => {
    const cases: [string[], RegExp][] = [
      [[`${folder}/missing.mp4`, `${folder}/out.mp4`], /missing\.mp4/],
      [[clip, `${folder}/no/folder/out.mp4`], /Cannot write .*out\.mp4/],
      [[clip, clip], /it is the input itself/],
      [[`file:${clip}`, clip], /it is the input itself/],
      [[clip, `${folder}/out.mp4`, "--processor", "nothing"], /Cannot find processor "nothing"/],
    ];
    const before = (await Deno.stat(clip)).size;
    for (const [args, message] of cases) {
      const { code, stderr } = await runHere(["process", ...args]);
      assert.equal(code, 1, args.join(" "));
      assert.match(stderr, message);
      assert.match(stderr, /^error: Cannot /m);
    }
    assert.equal((await Deno.stat(clip)).size, before);
  });
});

Deno.test("process refuses parameters that are no JSON object with exit code 2", async () => {
  for (const params of ["[1]", "{", "7", "null"]) {
    const { code, stderr } = await runHere(["process", "a", "b", "--params", params]);
    assert.equal(code, 2, params);
    assert.match(stderr, /Use a JSON object/);
  }
});

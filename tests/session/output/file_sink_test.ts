import assert from "node:assert/strict";
import { fileArguments, openFileSink } from "../../../src/session/output/file_sink.ts";
import { probeStreams } from "../../e2e/ffmpeg.ts";
import { joined, testClip } from "../clips.ts";

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeClip(path: string): Promise<Uint8Array> {
  const { segments } = await testClip();
  await using sink = await openFileSink(path);
  for (const bytes of segments) {
    const writer = await sink.next();
    await writer.write(bytes);
    await writer.close();
  }
  await sink.close();
  return joined(segments);
}

Deno.test("segments follow each other in a .ts file as they are", () =>
  withFolder(async (folder) => {
    const written = await writeClip(`${folder}/out.ts`);
    assert.deepEqual(await Deno.readFile(`${folder}/out.ts`), written);
  }));

Deno.test("another ending is another container with the same streams", () =>
  withFolder(async (folder) => {
    await writeClip(`${folder}/out.mp4`);
    const streams = await probeStreams(await Deno.readFile(`${folder}/out.mp4`));
    assert.deepEqual(streams.map(({ codec_name }) => codec_name), ["h264", "aac"]);
  }));

Deno.test("a name that looks like a URL or an option is the name of a file", () =>
  withFolder(async (folder) => {
    const { segments } = await testClip();
    for (const name of ["http:clip.mp4", "-y.mkv", "12:30 news.mov", "pipe:1.mp4"]) {
      const child = new Deno.Command("ffmpeg", {
        args: fileArguments(name),
        cwd: folder,
        stdin: "piped",
        stdout: "null",
        stderr: "inherit",
      }).spawn();
      await new Blob([joined(segments) as BlobPart]).stream().pipeTo(child.stdin);
      assert.ok((await child.status).success, name);
      const streams = await probeStreams(await Deno.readFile(`${folder}/${name}`));
      assert.deepEqual(streams.map(({ codec_name }) => codec_name), ["h264", "aac"], name);
    }
  }));

Deno.test("a file that cannot be written is named at once", () =>
  withFolder(async (folder) => {
    await assert.rejects(openFileSink(`${folder}/no/such/out.mp4`), {
      name: "ConfigError",
      code: "CONFIG_INVALID",
      message: /Cannot write .*\/no\/such\/out\.mp4: .*check the folder and its permissions/,
    });
  }));

Deno.test("a container that ffmpeg does not know is named, and no child is left", () =>
  withFolder(async (folder) => {
    await assert.rejects(writeClip(`${folder}/out.nonsense`), {
      message: /Cannot write .*out\.nonsense: .*choose another container/,
    });
  }));

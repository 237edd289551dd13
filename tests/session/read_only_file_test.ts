/** Files beside a processor that only looks: what is in them is copied, from container to container. */

import assert from "node:assert/strict";
import { defineProcessor } from "../../src/processor/mod.ts";
import { openFileSession } from "../../src/session/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { assertDecodesCleanly, probeStreams, runProgram } from "../e2e/ffmpeg.ts";
import { split } from "../media/codec/helper.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { within } from "../waiting.ts";
import { assertAccounts } from "./rig.ts";

const INPUT = "-f lavfi -i testsrc2=s=160x128:r=25:d=2 -f lavfi -i sine=r=48000:d=2";
const batch = new FfmpegBatch();
const CLIPS = {
  h264: batch.add(
    split(`${INPUT} -c:v libx264 -preset veryfast -g 25 -bf 3 -c:a aac -f matroska pipe:1`),
  ),
  hevc: batch.add(
    split(
      `${INPUT} -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25 -c:a aac ` +
        "-f matroska pipe:1",
    ),
  ),
};

for (const [codec, clip] of Object.entries(CLIPS)) {
  for (const container of ["mp4", "mkv", "ts"]) {
    Deno.test(`pictures of ${codec} are copied to .${container} beside a processor that only looks`, async () => {
      const folder = await Deno.makeTempDir({ prefix: "runnel-read-only-" });
      try {
        const [input, output] = [`${folder}/in.mkv`, `${folder}/out.${container}`];
        await Deno.writeFile(input, await clip());
        let seen = 0;
        const processor = defineProcessor({ readOnly: true, video: () => void seen++ })();
        const { session } = await openFileSession({ id: "file", input, output, processor });
        session.start();
        const end = await within(session.ended, "the end of the file");
        assert.equal(end.reason, "input-ended", end.reason === "failed" ? end.error.message : "");
        const metrics = session.metrics();
        assertAccounts(metrics);
        assert.equal(metrics.frames_copied, 50);
        assert.equal(metrics.frames_out, 50);
        assert.equal(metrics.frames_unseen, 0);
        assert.equal(seen, 50);
        const [ours, theirs] = await Promise.all([asTs(output), asTs(input)]);
        await assertDecodesCleanly(ours, "the output");
        // QuickTime and Safari play no HEVC with another tag.
        if (codec === "hevc" && container === "mp4") assert.equal(await videoTag(output), "hvc1");
        const names = (await probeStreams(ours)).map(({ codec_name }) => codec_name);
        assert.deepEqual(names, [codec, "aac"]);
        const [a, b] = await Promise.all([decodeVideo(ours), decodeVideo(theirs)]);
        assert.equal(a.length, 50);
        a.forEach(({ ptsTicks, picture }, index) => {
          assert.deepEqual(picture, b[index]!.picture, `picture ${index}`);
          const step = ptsTicks - a[0]!.ptsTicks;
          // Matroska counts milliseconds.
          assert.ok(Math.abs(step - (b[index]!.ptsTicks - b[0]!.ptsTicks)) <= 180, `time ${step}`);
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
}

/** Muxed anew: what ffmpeg reads of a file without seeking would depend on the container. */
async function asTs(path: string): Promise<Uint8Array> {
  const { stdout } = await runProgram(
    "ffmpeg",
    `-v error -nostdin -i ${path} -map 0 -c copy -f mpegts pipe:1`,
  );
  return stdout;
}

/** The sample description's type. */
async function videoTag(path: string): Promise<string> {
  const { stdout } = await runProgram(
    "ffprobe",
    `-v error -select_streams v -show_entries stream=codec_tag_string -of csv=p=0 ${path}`,
  );
  return new TextDecoder().decode(stdout).trim();
}

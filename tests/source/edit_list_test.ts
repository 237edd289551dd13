import assert from "node:assert/strict";
import { countEdits } from "../../src/source/edit_list.ts";
import { runProgram } from "../e2e/ffmpeg.ts";
import { withEdits } from "./edit_lists.ts";

async function countsOf(bytes: Uint8Array): Promise<number[]> {
  const path = await Deno.makeTempFile({ suffix: ".mp4" });
  try {
    await Deno.writeFile(path, bytes);
    return await countEdits(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("countEdits() counts the parts of each track, and takes any damage", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/clip.mp4`;
    await runProgram(
      "ffmpeg",
      "-v error -nostdin -f lavfi -i testsrc2=s=64x64:r=25:d=1 -f lavfi -i sine=d=1 " +
        `-c:v mpeg4 -c:a aac ${path}`,
    );
    assert.deepEqual(await countEdits(path), [1, 1]);
    const plain = await Deno.readFile(path);
    const edited = withEdits(plain, [[0, 0.2], [0.4, 0.2], [0.8, 0.1]]);
    assert.deepEqual(await countsOf(edited), [3, 3]);
    for (let bytes = 0; bytes < edited.length; bytes += 97) {
      const counts = await countsOf(edited.subarray(0, bytes));
      assert.ok(counts.length <= 2);
    }
    for (let at = plain.length; at < edited.length; at += 13) {
      await countsOf(edited.with(at, edited[at]! ^ 0x81));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("countEdits() finds no tracks in what is no MP4", async () => {
  assert.deepEqual(await countsOf(new Uint8Array(1000).fill(0x47)), []);
  assert.deepEqual(await countsOf(new Uint8Array(0)), []);
  assert.deepEqual(await countEdits("/nowhere/clip.mp4"), []);
});

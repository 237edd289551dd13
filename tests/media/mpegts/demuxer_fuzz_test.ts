import assert from "node:assert/strict";
import { fuzzOnce } from "./fuzz.ts";
import { makeClips } from "./fuzz_clips.ts";

const SEEDS = 300;

Deno.test("MpegTsDemuxer gives the same pictures however they are laid out", async () => {
  const clips = await makeClips();
  const failures: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      fuzzOnce(seed, clips);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  assert.deepEqual(failures, []);
});

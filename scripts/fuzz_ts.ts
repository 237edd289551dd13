// deno-lint-ignore-file no-console -- a script speaks to the terminal
/**
 * Lays the same access units out as transport streams in random ways, and compares what the demuxer
 * makes of them: `deno run -A scripts/fuzz_ts.ts [SEEDS] [FIRST]`. The gate runs a few hundred seeds in
 * `tests/media/mpegts/demuxer_fuzz_test.ts`.
 *
 * @module
 */

import { fuzzOnce } from "../tests/media/mpegts/fuzz.ts";
import { makeClips } from "../tests/media/mpegts/fuzz_clips.ts";

if (import.meta.main) {
  const [seeds = 10_000, first = 1] = Deno.args.map(Number);
  const clips = await makeClips();
  let failed = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      fuzzOnce(seed, clips);
    } catch (error) {
      failed++;
      console.log(error instanceof Error ? error.message : error);
    }
  }
  console.log(`${seeds - failed} of ${seeds} seeds came out as they went in`);
  Deno.exit(failed > 0 ? 1 : 0);
}

import assert from "node:assert/strict";
import { assertEveryFrame } from "./assertions.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import {
  beepStarts,
  decodeAudio,
  decodeVideo,
  flashTimes,
  loudness,
  type OutputSound,
} from "./decoding.ts";
import { Chain, type StillWorker } from "./harness.ts";

/** 40 ms in 90 kHz. */
const TOLERANCE_TICKS = 3600;

for (const audioCodec of ["opus", "aac", "source"] as const) {
  Deno.test(`flash and beep stay together: passthrough to ${audioCodec}`, async () => {
    await using chain = await Chain.startHere("passthrough", { audioCodec });
    await assertFlashWithBeep(chain);
  });
}

Deno.test("flash and beep stay together through a processor that handles audio", async () => {
  await using chain = await Chain.startHere("gain");
  const plain = await assertFlashWithBeep(chain, { params: { gain: 1 } });
  const halved = await assertFlashWithBeep(chain, { params: { gain: 0.5 } });
  const ratio = loudness(halved) / loudness(plain);
  assert.ok(Math.abs(ratio - 0.5) < 0.05, `a gain of 0.5 gave ${ratio}`);
});

Deno.test("flash and beep stay together: Opus in, Opus out", async () => {
  await using chain = await Chain.startHere();
  await assertFlashWithBeep(chain, { inputCodec: "opus" });
});

async function assertFlashWithBeep(
  chain: Chain<StillWorker>,
  { params = {}, inputCodec = "aac" }: {
    readonly params?: Record<string, unknown>;
    readonly inputCodec?: "aac" | "opus";
  } = {},
): Promise<OutputSound[]> {
  const clip = await makeTestClip({ seconds: 3.5, audioCodec: inputCodec });
  const { bytes } = await chain.run(clip, params);
  const [frames, sound] = [await decodeVideo(bytes), await decodeAudio(bytes)];
  assertEveryFrame(frames, shownTicks(clip));
  const flashes = flashTimes(frames);
  assert.deepEqual(flashes, [0, 20, 40, 60].map((stamp) => shownTicks(clip)[stamp]));
  const beeps = beepStarts(sound);
  assert.equal(beeps.length, 4, `beeps at ${beeps.join()}, flashes at ${flashes.join()}`);
  for (const [index, beep] of beeps.entries()) {
    const apart = beep - flashes[index]!;
    assert.ok(Math.abs(apart) <= TOLERANCE_TICKS, `${apart / 90} ms from flash to beep ${index}`);
  }
  return sound;
}

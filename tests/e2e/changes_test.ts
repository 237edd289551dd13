import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import { makeTestClip, movedClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { assertDecodesCleanly } from "./ffmpeg.ts";
import { Chain } from "./harness.ts";

/** MPEG-TS clocks wrap here. */
const WRAP_TICKS = 2 ** 33;

Deno.test("a source that changes its size goes on in the new size, without losing a frame", async () => {
  await using chain = await Chain.startHere();
  const sizes = [{ width: 320, height: 240 }, { width: 480, height: 272 }] as const;
  const [first, second] = [await makeTestClip(sizes[0]), await makeTestClip(sizes[1])];
  const ticks = shownTicks(first);
  // Frame 40 of either is a keyframe.
  const clip = spliced(first, second, ticks[40]!);
  const output = await chain.run(clip);
  const seen = [];
  for (const [seq, segment] of output.segments.entries()) {
    await assertDecodesCleanly(segment, `segment ${seq}`);
    seen.push(...await decodeVideo(segment));
  }
  assert.deepEqual(
    seen.map(({ stamp, ptsTicks, picture: { width, height } }) => ({
      ...{ stamp, ptsTicks },
      ...{ width, height },
    })),
    ticks.map((ptsTicks, stamp) => ({ stamp, ptsTicks, ...sizes[stamp < 40 ? 0 : 1] })),
  );
  assert.equal((await chain.metrics()).frames_dropped, 0);
});

Deno.test("the clock may wrap on the way", async () => {
  await using chain = await Chain.startHere();
  const plain = await makeTestClip();
  const clip = movedClip(plain, WRAP_TICKS - shownTicks(plain)[30]!);
  const output = await chain.run(clip);
  const wrapped = shownTicks(clip).map((ticks) => ticks % WRAP_TICKS);
  assert.deepEqual(output.probe.video.map(({ packet }) => packet.ptsTicks % WRAP_TICKS), wrapped);
  assert.equal(wrapped[30], 0);
  const stamps: unknown[] = [];
  for (const segment of output.segments) {
    stamps.push(...(await decodeVideo(segment)).map(({ stamp }) => stamp));
  }
  assert.deepEqual(stamps, wrapped.map((_, stamp) => stamp));
  const sound = output.probe.seen.filter(({ packet }) => packet.kind === "audio");
  const gaps = sound.slice(1).map(({ packet }, i) => packet.ptsTicks - sound[i]!.packet.ptsTicks);
  assert.ok(gaps.every((gap) => gap === 1800), `audio packets ${gaps.join()} ticks apart`);
});

/** One clip up to a time, another from then on. */
function spliced(before: MediaClip, after: MediaClip, atTicks: number): MediaClip {
  const packets = [
    ...before.packets.filter(({ dtsTicks }) => dtsTicks < atTicks),
    ...after.packets.filter(({ dtsTicks }) => dtsTicks >= atTicks),
  ];
  return { ...before, packets };
}

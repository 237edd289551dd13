import assert from "node:assert/strict";
import { CLIP, makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";
import { until } from "../waiting.ts";
import { assertEveryFrame } from "./assertions.ts";

/** The frame before which the rate changes. */
const CHANGE_AT = 20;
const SHORT = { seconds: 1.5, audio: false } as const;

Deno.test("width and height scale the picture, and crop what does not fit", async () => {
  await using chain = await Chain.startHere();
  const clip = await makeTestClip(SHORT);
  const half = await decodeVideo((await chain.run(clip, { width: 160, height: "120" })).bytes);
  assertEveryFrame(half, shownTicks(clip));
  assert.deepEqual([half[0]!.picture.width, half[0]!.picture.height], [160, 120]);
  // 512x512 covers 320x240 at 683x512: the sides are cut, and the stamp with them.
  const square = await decodeVideo((await chain.run(clip, { width: 512, height: 512 })).bytes);
  assert.deepEqual(square.map(({ ptsTicks }) => ptsTicks), shownTicks(clip));
  assert.deepEqual([square[0]!.picture.width, square[0]!.picture.height], [512, 512]);
});

Deno.test("max_framerate thins the frames out evenly, and may change on the way", async () => {
  await using chain = await Chain.startHere();
  const clip = await makeTestClip({ seconds: 2, audio: false });
  await using stream = await chain.open({ max_framerate: CLIP.fps / 2 });
  const ticks = shownTicks(clip);
  await stream.feed(clip, {
    beforePacket: async ({ ptsTicks }) => {
      if (ptsTicks !== ticks[CHANGE_AT]) return;
      const dropped = async () => (await chain.metrics()).frames_dropped_by_reason.rate;
      await until(async () => await dropped() === CHANGE_AT / 2, "the frames before it");
      const change = { max_framerate: CLIP.fps };
      assert.equal((await chain.worker.call("/stream/params", change)).status, 200);
    },
  });
  const frames = await decodeVideo((await stream.end()).bytes);
  const stamps = frames.map(({ stamp }) => stamp!);
  const wanted = ticks.map((_, stamp) => stamp)
    .filter((stamp) => stamp >= CHANGE_AT || stamp % 2 === 0);
  assert.deepEqual(stamps, wanted);
  assert.deepEqual(frames.map(({ ptsTicks }) => ptsTicks), stamps.map((stamp) => ticks[stamp]));
  const { frames_dropped_by_reason } = await chain.metrics();
  assert.deepEqual(frames_dropped_by_reason, { rate: CHANGE_AT / 2 });
});

Deno.test("the default cap of 24 frames a second leaves 20 alone and thins 60 out", async () => {
  await using chain = await Chain.startHere();
  const clip = await makeTestClip({ ...SHORT, fps: 60 });
  const frames = await decodeVideo((await chain.run(clip)).bytes);
  // Every 2.5th frame: the third, the second, the third, and so on.
  const stamps = Array.from({ length: 90 / 2.5 }, (_, index) => Math.ceil(2.5 * index));
  assert.deepEqual(frames.map(({ stamp }) => stamp), stamps);
  const ticks = shownTicks(clip);
  assert.deepEqual(frames.map(({ ptsTicks }) => ptsTicks), stamps.map((stamp) => ticks[stamp]));
});

import assert from "node:assert/strict";
import { CLIP, makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { Chain } from "./harness.ts";
import { assertEveryFrame } from "./assertions.ts";

const SHORT = { seconds: 1.5, audio: false } as const;

Deno.test("width and height scale the picture, and crop what does not fit", async () => {
  await using chain = await Chain.start();
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
  await using chain = await Chain.start();
  const clip = await makeTestClip({ seconds: 4, audio: false });
  await using stream = await chain.open({ max_framerate: CLIP.fps / 2 });
  const ticks = shownTicks(clip);
  const changeAt = ticks[40]!;
  let changing: Promise<unknown> | undefined;
  await stream.feed(clip, {
    onWritten: ({ ptsTicks }) => {
      if (ptsTicks >= changeAt) {
        changing ??= chain.worker.call("/stream/params", { max_framerate: CLIP.fps });
      }
    },
  });
  assert.deepEqual(((await changing) as { status: number }).status, 200);
  const frames = await decodeVideo((await stream.end()).bytes);
  const stamps = frames.map(({ stamp }) => stamp!);
  const firstOdd = stamps.findIndex((stamp) => stamp % 2 === 1);
  assert.ok(firstOdd >= 20 && firstOdd < 40, `all frames from the ${firstOdd}th on`);
  const thinned = Array.from({ length: firstOdd }, (_, index) => 2 * index);
  const all = Array.from({ length: 80 - stamps[firstOdd]! }, (_, i) => stamps[firstOdd]! + i);
  assert.deepEqual(stamps, [...thinned, ...all]);
  assert.deepEqual(frames.map(({ ptsTicks }) => ptsTicks), stamps.map((stamp) => ticks[stamp]));
  const { frames_dropped_by_reason } = await chain.metrics();
  assert.deepEqual(frames_dropped_by_reason, { rate: 80 - stamps.length });
});

Deno.test("the default cap of 24 frames a second leaves 20 alone and thins 60 out", async () => {
  await using chain = await Chain.start();
  const clip = await makeTestClip({ ...SHORT, fps: 60 });
  const frames = await decodeVideo((await chain.run(clip, {}, { speed: 1 })).bytes);
  const gaps = frames.slice(1).map(({ ptsTicks }, i) => ptsTicks - frames[i]!.ptsTicks);
  assert.ok(frames.length >= 29 && frames.length <= 37, `${frames.length} frames of 90`);
  assert.ok(Math.min(...gaps) >= 3000, `${Math.min(...gaps)} ticks between frames`);
  for (const { stamp, ptsTicks } of frames) assert.equal(ptsTicks, shownTicks(clip)[stamp!]);
});

/** The test stream through real encoders. */

import assert from "node:assert/strict";
import { createTestMedia, type MediaEvent, TEST_START_TICKS } from "../../src/source/mod.ts";
import { beepStarts, decodeAudio, decodeVideo, flashTimes } from "../e2e/decoding.ts";
import { collect, complaints, packetsOf, replay, streamsOf, toBytes } from "./media.ts";

const SIZE = { width: 320, height: 180, fps: 30 } as const;

for (const audioCodec of ["aac", "opus"] as const) {
  Deno.test(`test media with ${audioCodec} decodes cleanly, each flash with its beep`, async () => {
    const events = await collect(
      createTestMedia({ ...SIZE, seconds: 3, audioCodec, gopSeconds: 1 }),
    );
    const { video, audio } = streamsOf(events);
    assert.deepEqual([video?.width, video?.height, video?.codec], [320, 180, "h264"]);
    assert.deepEqual([audio?.codec, audio?.sampleRate, audio?.channels], [audioCodec, 48_000, 2]);
    const bytes = await toBytes(replay(events));
    assert.equal(await complaints(bytes), "");

    const frames = await decodeVideo(bytes);
    assert.deepEqual(frames.map(({ stamp }) => stamp), Array.from({ length: 90 }, (_, n) => n));
    assert.deepEqual(
      frames.map(({ ptsTicks }) => ptsTicks),
      Array.from({ length: 90 }, (_, n) => TEST_START_TICKS + 3000 * n),
    );
    const flashes = flashTimes(frames);
    assert.deepEqual(flashes, [0, 1, 2].map((second) => TEST_START_TICKS + second * 90_000));
    const beeps = beepStarts(await decodeAudio(bytes));
    assert.equal(beeps.length, 3);
    for (const [index, start] of beeps.entries()) {
      const lateMs = (start - flashes[index]!) / 90;
      // A codec smears an onset by some milliseconds. The first one has its run-in before the first
      // keyframe, which no segment holds: it fades in over an audio frame.
      assert.ok(
        lateMs > -6 && lateMs < (index === 0 ? 22 : 6),
        `beep ${index} comes ${lateMs} ms after its flash`,
      );
    }
  });
}

Deno.test("test media has its keyframes and frames at the exact times", async () => {
  const fps = 30_000 / 1001;
  const events = await collect(
    createTestMedia({ ...SIZE, fps, seconds: 2, audio: false, gopSeconds: 0.5 }),
  );
  const video = packetsOf(events);
  assert.equal(streamsOf(events).audio, undefined);
  assert.deepEqual(
    video.map(({ ptsTicks }) => ptsTicks),
    Array.from({ length: 60 }, (_, n) => TEST_START_TICKS + 3003 * n),
  );
  const keyframes = video.flatMap(({ keyframe }, index) => keyframe ? index : []);
  assert.deepEqual(keyframes, [0, 15, 30, 45]);
});

Deno.test("packets of both streams come by decoding time", async () => {
  const packets = packetsOf(await collect(createTestMedia({ ...SIZE, seconds: 2 })));
  for (let index = 1; index < packets.length; index++) {
    assert.ok(packets[index]!.dtsTicks >= packets[index - 1]!.dtsTicks, `packet ${index}`);
  }
});

Deno.test("odd sizes lose a column and a row", async () => {
  const events = await collect(
    createTestMedia({ width: 161, height: 121, fps: 10, seconds: 0.5, audio: false }),
  );
  const { video } = streamsOf(events);
  assert.deepEqual([video?.width, video?.height], [160, 120]);
  const frames = await decodeVideo(await toBytes(replay(events)));
  assert.deepEqual(frames.map(({ picture }) => [picture.width, picture.height])[0], [160, 120]);
});

Deno.test("endless test media ends its children with the loop", async () => {
  const children: Deno.ChildProcess[] = [];
  const spawn = (command: string, options: Deno.CommandOptions): Deno.ChildProcess => {
    const child = new Deno.Command(command, options).spawn();
    children.push(child);
    return child;
  };
  let taken = 0;
  for await (const event of createTestMedia({ ...SIZE, spawn })) {
    if (event.kind === "packet" && ++taken === 30) break;
  }
  assert.equal(children.length, 2, "one child for each stream");
  for (const child of children) await child.status;
});

Deno.test("the signal ends test media without an error", async () => {
  const stop = new AbortController();
  const events: MediaEvent[] = [];
  for await (const event of createTestMedia({ ...SIZE, signal: stop.signal })) {
    events.push(event);
    if (events.length === 20) stop.abort();
  }
  assert.ok(events.length >= 20 && events.length < 60, `${events.length} events`);
  const never = await collect(createTestMedia({ ...SIZE, signal: AbortSignal.abort() }));
  assert.deepEqual(never, []);
});

Deno.test("test media refuses what cannot be, and says when there is no ffmpeg", async () => {
  assert.throws(() => createTestMedia({ ...SIZE, fps: 0 }), RangeError);
  assert.throws(() => createTestMedia({ ...SIZE, seconds: 0 }), RangeError);
  assert.throws(() => createTestMedia({ ...SIZE, width: 10 }), RangeError);
  const ffmpegPath = "/nonexistent/ffmpeg";
  await assert.rejects(collect(createTestMedia({ ...SIZE, ffmpegPath })), {
    code: "FFMPEG_MISSING",
  });
});

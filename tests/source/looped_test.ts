/** The seam of a loop. */

import assert from "node:assert/strict";
import {
  createTestMedia,
  looped,
  type LoopOptions,
  type MediaEvent,
  openMediaFile,
} from "../../src/source/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { ClipFolder, collect, complaints, packetsOf, PICTURE, replay, toBytes } from "./media.ts";

/** So many packets of a loop. */
async function take(
  open: () => AsyncIterable<MediaEvent>,
  count: number,
  options: LoopOptions = {},
): Promise<MediaEvent[]> {
  const events: MediaEvent[] = [];
  let packets = 0;
  for await (const event of looped(open, options)) {
    events.push(event);
    if (event.kind === "packet" && ++packets === count) break;
  }
  return events;
}

/** The differences of neighbours. */
function steps(ticks: readonly number[]): number[] {
  return ticks.slice(1).map((tick, index) => tick - ticks[index]!);
}

function packet(kind: "video" | "audio", ptsTicks: number): MediaEvent {
  const data = new Uint8Array(1);
  const packet = { kind, ptsTicks, dtsTicks: ptsTicks, keyframe: true, data };
  return { kind: "packet", stream: kind, packet };
}

for (const audioCodec of ["aac", "opus"] as const) {
  Deno.test(`a loop goes on by one frame at the seam, sound (${audioCodec}) too`, async () => {
    const once = await collect(
      createTestMedia({ width: 160, height: 128, fps: 30, seconds: 1, audioCodec }),
    );
    const perPass = packetsOf(once).length;
    const events = await take(() => replay(once), 4 * perPass);
    const video = packetsOf(events, "video").map(({ ptsTicks }) => ptsTicks);
    assert.ok(video.length > 100);
    assert.deepEqual(new Set(steps(video)), new Set([3000]));
    const audio = packetsOf(events, "audio").map(({ ptsTicks }) => ptsTicks);
    const frameTicks = audioCodec === "aac" ? 1920 : 1800;
    assert.deepEqual(new Set(steps(audio)), new Set([frameTicks]));
    assert.ok(audio.length > 100);
  });
}

Deno.test("a looped stream decodes without a warning and with all frames", async () => {
  const once = await collect(
    createTestMedia({ width: 160, height: 128, fps: 30, seconds: 1 }),
  );
  const bytes = await toBytes(replay(await take(() => replay(once), 3 * packetsOf(once).length)));
  assert.equal(await complaints(bytes), "");
  const stamps = (await decodeVideo(bytes)).slice(0, 75).map(({ stamp }) => stamp);
  assert.deepEqual(stamps, Array.from({ length: 75 }, (_, n) => n % 30));
});

Deno.test("a looped file with B-frames keeps decoding times in order", async () => {
  await using folder = await ClipFolder.open();
  const path = await folder.make("clip.mp4", `${PICTURE} -t 1 -c:v libx264 -bf 2`);
  const file = openMediaFile(path);
  const video = packetsOf(await take(() => file, 75));
  assert.deepEqual(new Set(steps(video.map(({ dtsTicks }) => dtsTicks))), new Set([3600]));
  const shown = video.map(({ ptsTicks }) => ptsTicks).sort((a, b) => a - b);
  assert.deepEqual(new Set(steps(shown.slice(0, 70))), new Set([3600]));
});

Deno.test("sound stays beside the picture however often it loops", async () => {
  // 100 ms of picture, and sound that is a fraction of a frame longer.
  const pass = [0, 3000, 6000].map((ticks) => packet("video", ticks));
  for (let ticks = 0; ticks < 9700; ticks += 1920) pass.push(packet("audio", ticks));
  const events = await take(() => replay(pass), 900);
  const audio = packetsOf(events, "audio").map(({ ptsTicks }) => ptsTicks);
  const video = packetsOf(events, "video").map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(new Set(steps(audio)), new Set([1920]));
  assert.deepEqual(new Set(steps(video)), new Set([3000]));
  assert.ok(Math.abs(audio.at(-1)! - video.at(-1)!) < 9000);
});

Deno.test("sound that is shorter than the picture leaves a gap of whole frames", async () => {
  const pass = [0, 3000, 6000, 9000].map((ticks) => packet("video", ticks));
  pass.push(packet("audio", 0), packet("audio", 1920));
  const audio = packetsOf(await take(() => replay(pass), 24), "audio");
  assert.deepEqual(
    steps(audio.map(({ ptsTicks }) => ptsTicks)).map((ticks) => ticks / 1920),
    // A pass is 6.25 frames long.
    [1, 5, 1, 6, 1, 5, 1],
  );
});

Deno.test("sound that goes on after the last picture is played to its end", async () => {
  const pass = [packet("video", 0), packet("video", 3000)];
  for (let ticks = 0; ticks < 180_000; ticks += 1800) pass.push(packet("audio", ticks));
  const events = await take(() => replay(pass), 2 * pass.length);
  const video = packetsOf(events, "video").map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(video, [0, 3000, 180_000, 183_000]);
  const audio = packetsOf(events, "audio").map(({ ptsTicks }) => ptsTicks);
  assert.deepEqual(new Set(steps(audio)), new Set([1800]));
});

Deno.test("sound alone loops by its own frames", async () => {
  const pass = [0, 1920, 3840].map((ticks) => packet("audio", ticks));
  const audio = packetsOf(await take(() => replay(pass), 9));
  assert.deepEqual(new Set(steps(audio.map(({ ptsTicks }) => ptsTicks))), new Set([1920]));
});

Deno.test("a loop over nothing is an error, and the signal ends a loop", async () => {
  const streams: MediaEvent = { kind: "streams", unsupported: [] };
  await assert.rejects(collect(looped(() => replay([streams]))), { code: "MEDIA_NO_STREAM" });
  const stop = new AbortController();
  let passes = 0;
  const open = (): AsyncIterable<MediaEvent> => {
    if (++passes === 3) stop.abort();
    return replay(stop.signal.aborted ? [] : [packet("video", 0)]);
  };
  const events = await collect(looped(open, { signal: stop.signal }));
  assert.equal(events.length, 2);
});

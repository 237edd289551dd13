import assert from "node:assert/strict";
import {
  AvSync,
  MAX_AUDIO_WAIT_MS,
  MAX_HELD_AUDIO_PACKETS,
  MAX_VIDEO_LAG_TICKS,
} from "../../src/session/av_sync.ts";
import type { Packet } from "../../src/media/types.ts";

function audio(ptsTicks: number): Packet {
  return { kind: "audio", ptsTicks, dtsTicks: ptsTicks, keyframe: true, data: new Uint8Array(1) };
}

Deno.test("AvSync holds audio until the first video frame was written", () => {
  const sync = new AvSync({ waitForVideo: true, live: true, now: () => 0 });
  assert.deepEqual(sync.offerAudio(audio(1)), []);
  assert.deepEqual(sync.offerAudio(audio(2)), []);
  assert.deepEqual(sync.videoWritten().map((p) => p.ptsTicks), [1, 2]);
  assert.deepEqual(sync.offerAudio(audio(3)).map((p) => p.ptsTicks), [3]);
  assert.deepEqual(sync.videoWritten(), []);
});

Deno.test("AvSync lets audio through at once in a stream without video", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  assert.equal(sync.offerAudio(audio(1)).length, 1);
});

Deno.test("AvSync drops the oldest audio past its bound, and counts it", () => {
  const sync = new AvSync({ waitForVideo: true, live: true, now: () => 0 });
  for (let i = 0; i < MAX_HELD_AUDIO_PACKETS + 7; i++) {
    assert.deepEqual(sync.offerAudio(audio(i)), []);
  }
  assert.equal(sync.droppedAudio, 7);
  const released = sync.videoWritten();
  assert.equal(released.length, MAX_HELD_AUDIO_PACKETS);
  assert.equal(released[0]?.ptsTicks, 7);
});

Deno.test("AvSync stops waiting for video after two seconds", () => {
  let now = 0;
  const sync = new AvSync({ waitForVideo: true, live: true, now: () => now });
  assert.deepEqual(sync.offerAudio(audio(1)), []);
  now = MAX_AUDIO_WAIT_MS;
  assert.equal(sync.offerAudio(audio(2)).length, 2);
});

Deno.test("AvSync drops nothing of a file", () => {
  let now = 0;
  const sync = new AvSync({ waitForVideo: true, live: false, now: () => now });
  for (let i = 0; i < 1_000; i++) sync.offerAudio(audio(i));
  now = 1e6;
  assert.equal(sync.videoWritten().length, 1_000);
  assert.equal(sync.droppedAudio, 0);
  assert.equal(sync.isLate(-1e9), false);
});

Deno.test("AvSync calls video late two seconds behind the audio that was written", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  sync.offerAudio(audio(1_000_000));
  assert.equal(sync.isLate(1_000_000 - MAX_VIDEO_LAG_TICKS), false);
  assert.equal(sync.isLate(1_000_000 - MAX_VIDEO_LAG_TICKS - 1), true);
});

Deno.test("AvSync does not call video late for the source's own offset", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  sync.noteInput("audio", 1_000_000);
  sync.noteInput("video", 700_000);
  sync.offerAudio(audio(1_000_000));
  assert.equal(sync.isLate(700_000), false);
  assert.equal(sync.isLate(500_000), true);
});

Deno.test("AvSync forgets timestamps when the source's clock jumps", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  sync.offerAudio(audio(9_000_000));
  sync.reset();
  assert.equal(sync.isLate(0), false);
});

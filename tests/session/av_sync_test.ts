import assert from "node:assert/strict";
import {
  AvSync,
  MAX_AUDIO_WAIT_MS,
  MAX_HELD_AUDIO_PACKETS,
  MAX_JUMP_APART_MS,
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

Deno.test("AvSync holds and drops nothing of a file", () => {
  const sync = new AvSync({ waitForVideo: false, live: false });
  assert.equal(sync.offerAudio(audio(1_000_000)).length, 1);
  assert.equal(sync.isLate(0), false);
});

Deno.test("AvSync calls video late two seconds behind the audio that was written", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  sync.offerAudio(audio(1_000_000));
  assert.equal(sync.isLate(1_000_000 - MAX_VIDEO_LAG_TICKS), false);
  assert.equal(sync.isLate(1_000_000 - MAX_VIDEO_LAG_TICKS - 1), true);
});

Deno.test("AvSync does not call video late for the source's own offset", () => {
  for (const [videoTicks, isLate] of [[700_000, false], [500_000, true]] as const) {
    let now = 0;
    const sync = new AvSync({ waitForVideo: false, live: true, now: () => now });
    sync.noteInput("audio", 1_000_000);
    sync.noteInput("video", 700_000);
    sync.offerAudio(audio(1_000_000));
    now = 60_000;
    assert.equal(sync.isLate(videoTicks), isLate);
  }
});

Deno.test("AvSync calls nothing late that has just come, however far ahead the audio of a burst is", () => {
  let now = 0;
  const sync = new AvSync({ waitForVideo: false, live: true, now: () => now });
  for (const ticks of [0, 1]) sync.noteInput("video", ticks);
  for (let i = 0; i <= 20; i++) {
    sync.noteInput("audio", i * 45_000);
    sync.offerAudio(audio(i * 45_000));
  }
  for (const ticks of [899_999, 900_000]) sync.noteInput("video", ticks);
  now = 1_999;
  assert.equal(sync.isLate(0), false);
  now = 2_000;
  assert.equal(sync.isLate(1), true);
});

Deno.test("AvSync forgets timestamps when the source's clock jumps", () => {
  const sync = new AvSync({ waitForVideo: false, live: true });
  sync.offerAudio(audio(9_000_000));
  sync.reset();
  assert.equal(sync.isLate(0), false);
});

const SECOND = 90_000;

for (
  const [name, before, after] of [
    ["back", 1_000 * SECOND, 0],
    ["ahead", 0, 1_000 * SECOND],
    ["ahead by no more than a few seconds", 0, 5 * SECOND],
  ] as const
) {
  for (const first of ["audio", "video"] as const) {
    Deno.test(`AvSync calls nothing late after a jump ${name} that the ${first} makes first`, () => {
      const sync = new AvSync({ waitForVideo: false, live: true, now: () => 0 });
      const give = (kind: "audio" | "video", ticks: number): void => {
        if (kind === "audio") sync.offerAudio(audio(ticks));
        else assert.equal(sync.isLate(ticks), false, `video at ${ticks}`);
      };
      for (const kind of ["audio", "video"] as const) sync.noteInput(kind, before);
      for (const kind of ["audio", "video"] as const) give(kind, before);
      sync.reset();
      const second = first === "audio" ? "video" as const : "audio" as const;
      for (const kind of [first, second]) sync.noteInput(kind, after);
      // What was in the coders of the second stream comes out after the first has jumped.
      give(first, after);
      give(second, before + 0.1 * SECOND);
      give(first, after + 0.1 * SECOND);
      give(second, after);
      give(first, after + 0.2 * SECOND);
      // From here on both are past the jump.
      for (let i = 1; i <= 6; i++) sync.offerAudio(audio(after + i * SECOND / 2));
      assert.equal(sync.isLate(after + 0.3 * SECOND), true);
    });
  }
}

Deno.test("AvSync compares the streams again when only one of them has jumped", () => {
  let now = 0;
  const sync = new AvSync({ waitForVideo: false, live: true, now: () => now });
  sync.offerAudio(audio(0));
  assert.equal(sync.isLate(0), false);
  sync.offerAudio(audio(5 * SECOND));
  assert.equal(sync.isLate(SECOND / 2), false);
  now = MAX_JUMP_APART_MS;
  assert.equal(sync.isLate(SECOND / 2), true);
});

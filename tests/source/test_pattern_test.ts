/** The test picture and its sound, before any codec. */

import assert from "node:assert/strict";
import { type Picture, readStamp } from "../../src/frames/mod.ts";
import {
  BEEP_HZ,
  BEEP_SECONDS,
  createTestPicture,
  drawTestFrame,
  firstFrameOfSecond,
  flashBlock,
  isFlashFrame,
  testTone,
} from "../../src/source/mod.ts";
import { meanLuma } from "../e2e/decoding.ts";

const NTSC = 30_000 / 1001;

function drawn(frameNumber: number, { width = 320, height = 180, fps = 30 } = {}): Picture {
  const picture = createTestPicture({ width, height });
  drawTestFrame(picture, { frameNumber, fps });
  return picture;
}

Deno.test("every test frame carries its number as a stamp", () => {
  const picture = createTestPicture({ width: 320, height: 180 });
  for (const frameNumber of [0, 1, 29, 30, 1234, 999_999]) {
    drawTestFrame(picture, { frameNumber, fps: 30 });
    assert.equal(readStamp(picture), frameNumber);
  }
});

Deno.test("a test frame does not depend on what the picture held before", () => {
  const reused = createTestPicture({ width: 320, height: 180 });
  for (const frameNumber of [30, 7_000_000, 5, 0]) {
    drawTestFrame(reused, { frameNumber, fps: 30 });
    assert.deepEqual(reused.data, drawn(frameNumber).data);
  }
});

Deno.test("test frames can be drawn in odd and in the smallest sizes", () => {
  for (const [width, height] of [[321, 181], [54, 48], [55, 49]] as const) {
    assert.equal(readStamp(drawn(77, { width, height })), 77);
  }
  assert.throws(() => createTestPicture({ width: 53, height: 48 }), RangeError);
  assert.throws(() => createTestPicture({ width: Number.NaN, height: 48 }), RangeError);
});

Deno.test("stripes move from frame to frame", () => {
  const strip = (picture: Picture): Uint8Array => picture.data.subarray(100 * 320, 101 * 320);
  assert.notDeepEqual(strip(drawn(3)), strip(drawn(4)));
});

Deno.test("the block flashes in the one frame that begins each second", () => {
  for (const fps of [30, 24, 60, NTSC, 23.976, 12.5, 1]) {
    const flashing = Array.from({ length: 400 }, (_, frameNumber) => frameNumber)
      .filter((frameNumber) => isFlashFrame({ frameNumber, fps }));
    const seconds = Math.floor(399 / fps + 1e-6) + 1;
    const expected = Array.from({ length: seconds }, (_, second) => firstFrameOfSecond(second, fps))
      .filter((frameNumber) => frameNumber < 400);
    assert.deepEqual(flashing, expected, `at ${fps} fps`);
    for (const [second, frameNumber] of flashing.entries()) {
      const late = frameNumber / fps - second;
      assert.ok(late > -1e-6 && late < 1 / fps, `second ${second} at ${fps} fps is off by ${late}`);
    }
  }
});

Deno.test("the flash is white and the block otherwise black", () => {
  for (const [frameNumber, luma] of [[0, 235], [1, 16], [29, 16], [30, 235], [31, 16]] as const) {
    const picture = drawn(frameNumber);
    assert.equal(meanLuma(picture, flashBlock(picture)), luma);
  }
});

Deno.test("a beep begins with the sample at which its flash frame begins", () => {
  for (const fps of [30, 24, NTSC]) {
    const sampleRate = 48_000;
    const tone = testTone({ startSample: 0, count: 4 * sampleRate, sampleRate, fps });
    for (let second = 0; second < 4; second++) {
      const start = Math.round(firstFrameOfSecond(second, fps) / fps * sampleRate);
      if (start > 0) assert.equal(tone[start - 1], 0);
      // A sine begins at zero.
      assert.equal(tone[start], 0);
      assert.ok(tone[start + 1]! > 0.05);
      const end = start + BEEP_SECONDS * sampleRate;
      assert.notEqual(tone[end - 1], 0);
      assert.ok(tone.subarray(end, start + sampleRate / 2).every((sample) => sample === 0));
    }
  }
});

Deno.test("a beep has the pitch that it says", () => {
  const sampleRate = 48_000;
  const tone = testTone({ startSample: 0, count: BEEP_SECONDS * sampleRate, sampleRate, fps: 30 });
  let risingCrossings = 0;
  for (let index = 1; index < tone.length; index++) {
    if (tone[index - 1]! < -1e-6 && tone[index]! >= -1e-6) risingCrossings++;
  }
  assert.ok(Math.abs(risingCrossings - BEEP_HZ * BEEP_SECONDS) <= 1, `${risingCrossings} periods`);
});

Deno.test("the tone is the same however it is cut", () => {
  const whole = testTone({ startSample: 0, count: 100_000, sampleRate: 48_000, fps: NTSC });
  for (let startSample = 0; startSample < 100_000; startSample += 777) {
    const count = Math.min(777, 100_000 - startSample);
    const part = testTone({ startSample, count, sampleRate: 48_000, fps: NTSC });
    assert.deepEqual(part, whole.subarray(startSample, startSample + count));
  }
});

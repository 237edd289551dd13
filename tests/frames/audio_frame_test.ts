import assert from "node:assert/strict";
import { AudioFrame, isAudioFrame } from "../../src/frames/mod.ts";

function makeFrame(): AudioFrame {
  return new AudioFrame({
    samples: [new Float32Array(960).fill(0.5), new Float32Array(960).fill(-0.5)],
    sampleRate: 48_000,
    ptsTicks: 180_000,
    timeBase: { num: 1, den: 90_000 },
    metadata: { speaker: "left" },
  });
}

Deno.test("AudioFrame tells its length, start and channels", () => {
  const frame = makeFrame();
  assert.deepEqual([frame.channels, frame.sampleCount, frame.sampleRate], [2, 960, 48_000]);
  assert.equal(frame.durationSeconds, 0.02);
  assert.equal(frame.startSeconds, 2);
});

Deno.test("AudioFrame.replaceSamples() keeps rate, time and metadata; channels may change", () => {
  const frame = makeFrame();
  const mono = frame.replaceSamples([new Float32Array(480)]);
  assert.deepEqual([mono.channels, mono.sampleCount], [1, 480]);
  assert.equal(mono.sampleRate, frame.sampleRate);
  assert.equal(mono.timestamp, frame.timestamp);
  assert.equal(mono.timeBase, frame.timeBase);
  assert.equal(mono.metadata, frame.metadata);
  assert.equal(frame.channels, 2);
});

Deno.test("AudioFrame refuses samples that are not Float32Arrays of one length", () => {
  const frame = makeFrame();
  const uneven = [new Float32Array(4), new Float32Array(5)];
  assert.throws(() => frame.replaceSamples(uneven), /channels have 4, 5 samples/);
  const wrong: readonly unknown[] = [
    [],
    [[1, 2]],
    [new Float64Array(4)],
    new Float32Array(4),
    undefined,
    Array.from({ length: 65 }, () => new Float32Array(1)),
  ];
  for (const samples of wrong) {
    assert.throws(() => frame.replaceSamples(samples as Float32Array[]), TypeError);
  }
});

Deno.test("AudioFrame refuses rates and times that cannot be", () => {
  const { samples, timeBase } = makeFrame();
  const good = { samples, sampleRate: 48_000, ptsTicks: 0, timeBase };
  for (const sampleRate of [0, -1, 44_100.5, NaN]) {
    assert.throws(() => new AudioFrame({ ...good, sampleRate }), RangeError, String(sampleRate));
  }
  assert.throws(() => new AudioFrame({ ...good, ptsTicks: NaN }), RangeError);
});

Deno.test("isAudioFrame() knows audio frames", () => {
  assert.equal(isAudioFrame(makeFrame()), true);
  for (const other of [null, {}, new Float32Array(2)]) assert.equal(isAudioFrame(other), false);
});

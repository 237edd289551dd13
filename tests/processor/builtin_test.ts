import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { BUILTIN_PROCESSORS, type FrameProcessor, handlesAudio } from "../../src/processor/mod.ts";
import { makeAudio, makeFrame } from "./frames.ts";

function builtin(name: string): FrameProcessor {
  const create = BUILTIN_PROCESSORS[name];
  assert.ok(create, name);
  return create();
}

async function processed(name: string, frame: VideoFrame): Promise<VideoFrame> {
  const result = await builtin(name).processVideo(frame);
  assert.ok(result);
  return result;
}

Deno.test("only gain handles audio; the other built-in processors leave it to be copied", () => {
  for (const [name, create] of Object.entries(BUILTIN_PROCESSORS)) {
    assert.equal(handlesAudio(create()), name === "gain", name);
  }
});

Deno.test("passthrough returns the very frame it was given", async () => {
  const frame = makeFrame();
  assert.equal(await processed("passthrough", frame), frame);
});

Deno.test("grayscale takes the colour out and leaves the brightness", async () => {
  const before = makeFrame({ width: 7, height: 5 });
  const luma = before.planes.y.data.slice();
  const { y, u, v } = (await processed("grayscale", before)).planes;
  assert.deepEqual(y.data, luma);
  assert.ok([...u.data, ...v.data].every((value) => value === 128));
});

Deno.test("invert is its own inverse and turns black into white", async () => {
  const frame = makeFrame();
  const original = frame.data.slice();
  await processed("invert", frame);
  assert.equal(frame.planes.y.data[0], 235);
  assert.equal(frame.planes.u.data[0], 166);
  await processed("invert", frame);
  assert.deepEqual(frame.data, original);
});

Deno.test("mirror swaps left and right in every plane, also at odd sizes", async () => {
  const frame = makeFrame({ width: 5, height: 3 });
  const { y, u } = frame.planes;
  u.data.set([1, 2, 3]);
  const firstRow = [...y.data.subarray(0, 5)];
  const secondRow = [...y.data.subarray(5, 10)];
  await processed("mirror", frame);
  assert.deepEqual([...y.data.subarray(0, 5)], firstRow.reverse());
  assert.deepEqual([...y.data.subarray(5, 10)], secondRow.reverse());
  assert.deepEqual([...u.data.subarray(0, 3)], [3, 2, 1]);
});

Deno.test("timestamp draws the frame's own time", async () => {
  const first = await processed("timestamp", makeFrame({ width: 320, height: 60 }));
  const same = await processed("timestamp", makeFrame({ width: 320, height: 60 }));
  const later = await processed(
    "timestamp",
    makeFrame({ width: 320, height: 60, ptsTicks: 216_000 }),
  );
  assert.deepEqual(first.data, same.data);
  assert.notDeepEqual(first.data, later.data);
  assert.notDeepEqual(first.data, makeFrame({ width: 320, height: 60 }).data);
});

Deno.test("gain scales samples, keeps them in full scale, and follows its parameter", async () => {
  const gain = builtin("gain");
  await gain.onStreamStart({ gain: 0.5 });
  const half = makeAudio();
  await gain.processAudio(half);
  assert.equal(half.samples[0]![32], 0.25);
  await gain.updateParams({ gain: 4 });
  const loud = makeAudio();
  await gain.processAudio(loud);
  assert.equal(loud.samples[0]![63], 1);
  assert.equal(loud.samples[1]![63], -1);
  assert.deepEqual(gain.getMetrics(), { gain: 4 });
  await gain.onStreamStart({});
  assert.deepEqual(gain.getMetrics(), { gain: 1 });
});

Deno.test("gain refuses a factor that is not a number from 0 to 10, and keeps the one before", () => {
  const gain = builtin("gain");
  for (const value of [-1, 11, NaN, "2", null]) {
    assert.throws(() => gain.updateParams({ gain: value }), RangeError, String(value));
  }
  assert.deepEqual(gain.getMetrics(), { gain: 1 });
});

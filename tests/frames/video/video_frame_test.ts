import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { Tensor } from "onnxruntime-common";
import { MPEG_TIME_BASE } from "../../../src/base/mod.ts";
import {
  convertPicture,
  frameCounts,
  isVideoFrame,
  onFrameLeak,
  type PixelFormat,
  VideoFrame,
} from "../../../src/frames/mod.ts";
import { noisePicture } from "../pictures.ts";
import { until } from "../../waiting.ts";

interface Made {
  readonly frame: VideoFrame;
  /** How often its buffer was given back. */
  readonly released: () => number;
}

function makeFrame(pixelFormat: PixelFormat = "rgb24"): Made {
  let count = 0;
  const frame = new VideoFrame({
    ...noisePicture(pixelFormat, [6, 4], { matrix: "bt709", fullRange: true }),
    ptsTicks: 8_589_934_592,
    timeBase: MPEG_TIME_BASE,
    metadata: { camera: 7 },
    release: () => count++,
  });
  return { frame, released: () => count };
}

function assertSameOrigin(derived: VideoFrame, frame: VideoFrame): void {
  assert.notEqual(derived, frame);
  assert.equal(derived.timestamp, frame.timestamp);
  assert.equal(derived.timeBase, frame.timeBase);
  assert.equal(derived.metadata, frame.metadata);
}

Deno.test("VideoFrame shows what it was made of", () => {
  const picture = noisePicture("i420", [7, 5]);
  const frame = new VideoFrame({ ...picture, ptsTicks: 5, timeBase: { num: 1, den: 30 } });
  assert.deepEqual([frame.width, frame.height, frame.pixelFormat], [7, 5, "i420"]);
  assert.deepEqual([frame.timestamp, frame.timeBase], [5, { num: 1, den: 30 }]);
  assert.deepEqual(frame.metadata, {});
  assert.deepEqual(frame.color, { matrix: "bt601", fullRange: false });
  assert.equal(frame.data, picture.data);
  const { y, u, v } = frame.planes;
  assert.deepEqual([y.width, y.height, y.strideBytes], [7, 5, 7]);
  assert.deepEqual([u.width, u.height, u.strideBytes], [4, 3, 4]);
  assert.deepEqual([v.width, v.height, v.strideBytes], [4, 3, 4]);
  assert.deepEqual([...y.data, ...u.data, ...v.data], [...picture.data]);
  y.data[0] = u.data[0] = v.data[0] = 99;
  assert.deepEqual([frame.data[0], frame.data[35], frame.data[47]], [99, 99, 99]);
});

Deno.test("VideoFrame refuses data of the wrong length, sizes and times that cannot be", () => {
  const good = { ...noisePicture("rgb24", [4, 2]), ptsTicks: 0, timeBase: MPEG_TIME_BASE };
  assert.throws(() => new VideoFrame({ ...good, width: 5 }), /5x2 rgb24 picture from 24 bytes.*30/);
  assert.throws(() => new VideoFrame({ ...good, height: 0 }), RangeError);
  assert.throws(() => new VideoFrame({ ...good, ptsTicks: 1.5 }), /1\.5 ticks/);
  assert.throws(() => new VideoFrame({ ...good, timeBase: { num: 1, den: 0 } }), /time base 1\/0/);
  const list = Array.from(good.data) as unknown as Uint8Array;
  assert.throws(() => new VideoFrame({ ...good, data: list }), TypeError);
});

Deno.test("VideoFrame.tensor of an rgb24 frame is the frame itself", () => {
  const { frame } = makeFrame("rgb24");
  const { tensor } = frame;
  assert.deepEqual([tensor.type, [...tensor.dims]], ["uint8", [4, 6, 3]]);
  tensor.data[5] = 123;
  assert.equal(frame.data[5], 123);
  assert.equal(frame.tensor, tensor);
  frame.close();
});

Deno.test("VideoFrame.tensor of other formats is converted once, by the frame's own colours", () => {
  for (const format of ["i420", "rgba"] as const) {
    const { frame } = makeFrame(format);
    const before = frame.data.slice();
    assert.deepEqual(frame.tensor.data, convertPicture(frame, "rgb24"));
    assert.equal(frame.tensor, frame.tensor);
    frame.tensor.data.fill(0);
    assert.deepEqual(frame.data, before);
    frame.close();
  }
});

Deno.test("VideoFrame.replaceTensor() keeps time and metadata and takes the tensor's size", () => {
  const { frame } = makeFrame("i420");
  const tensor = new Tensor("float32", new Float32Array(3 * 8 * 12).fill(0.5), [1, 3, 8, 12]);
  const derived = frame.replaceTensor(tensor);
  assertSameOrigin(derived, frame);
  assert.deepEqual([derived.width, derived.height, derived.pixelFormat], [12, 8, "rgb24"]);
  assert.ok(derived.data.every((value) => value === 128));
  assert.equal(derived.color, frame.color);
  const wrong = new Tensor("float32", new Float32Array(4), [2, 2]);
  assert.throws(() => frame.replaceTensor(wrong), /float32 tensor of shape \[2,2\]/);
  frame.close();
});

Deno.test("VideoFrame.replaceData() keeps time, metadata and, unless given, the colours", () => {
  const { frame } = makeFrame("rgb24");
  const derived = frame.replaceData(noisePicture("i420", [3, 3]));
  assertSameOrigin(derived, frame);
  assert.deepEqual([derived.width, derived.height, derived.pixelFormat], [3, 3, "i420"]);
  assert.equal(derived.color, frame.color);
  const color = { matrix: "bt601", fullRange: false } as const;
  assert.equal(frame.replaceData(noisePicture("i420", [3, 3], color)).color, color);
  assert.throws(
    () => frame.replaceData({ ...noisePicture("i420", [3, 3]), width: 9 }),
    /9x3 i420 picture/,
  );
  frame.close();
});

Deno.test("VideoFrame.convert() and clone() have bytes of their own", () => {
  const { frame, released } = makeFrame("i420");
  const converted = frame.convert("rgba");
  const copy = frame.clone();
  assertSameOrigin(copy, frame);
  const expected = frame.data.slice();
  frame.data.fill(0);
  frame.close();
  assert.equal(released(), 1);
  assert.deepEqual(copy.data, expected);
  assert.deepEqual(converted.data, convertPicture(copy, "rgba"));
});

Deno.test("VideoFrame.close() gives the buffer back once, and `using` closes", () => {
  const { frame, released } = makeFrame();
  frame.close();
  frame.close();
  assert.equal(released(), 1);
  const second = makeFrame();
  {
    using held = second.frame;
    assert.equal(held.closed, false);
  }
  assert.equal(second.frame.closed, true);
  assert.equal(second.released(), 1);
});

Deno.test("a closed VideoFrame refuses its pixels, and still tells its size and time", () => {
  const { frame } = makeFrame("i420");
  frame.close();
  const tensor = new Tensor("uint8", new Uint8Array(12), [2, 2, 3]);
  const uses: readonly (readonly [string, () => unknown])[] = [
    ["data", () => frame.data],
    ["planes", () => frame.planes],
    ["tensor", () => frame.tensor],
    ["replaceTensor()", () => frame.replaceTensor(tensor)],
    ["replaceData()", () => frame.replaceData(noisePicture("i420", [2, 2]))],
    ["convert()", () => frame.convert("rgb24")],
    ["clone()", () => frame.clone()],
    ["share()", () => frame.share()],
  ];
  for (const [what, use] of uses) {
    assert.throws(use, (error) => {
      assert.ok(error instanceof TypeError, what);
      assert.match(error.message, /closed frame \(timestamp 8589934592\)/);
      return true;
    });
  }
  assert.deepEqual([frame.width, frame.height, frame.timestamp], [6, 4, 8_589_934_592]);
});

Deno.test("frames that share bytes give the buffer back when the last of them is closed", () => {
  const { frame, released } = makeFrame("rgb24");
  const fromTensor = frame.replaceTensor(frame.tensor);
  const shared = fromTensor.share();
  assert.equal(fromTensor.data.buffer, frame.data.buffer);
  frame.close();
  assert.equal(released(), 0);
  fromTensor.close();
  assert.equal(released(), 0);
  assert.equal(shared.data.length, 72);
  shared.close();
  assert.equal(released(), 1);
});

Deno.test("a frame with new bytes does not hold the buffer of the frame it was made from", () => {
  const { frame, released } = makeFrame("i420");
  const derived = frame.replaceTensor(frame.tensor);
  frame.close();
  assert.equal(released(), 1);
  assert.equal(derived.closed, false);
  derived.close();
  assert.equal(released(), 1);
});

Deno.test('VideoFrame.to("cpu") of a frame in CPU memory is the frame itself', async () => {
  const { frame } = makeFrame();
  const { data } = frame;
  assert.equal(await frame.to("cpu"), frame);
  assert.equal(frame.data, data);
  frame.close();
  await assert.rejects(frame.to("cpu"), /closed frame/);
});

Deno.test("isVideoFrame() knows frames of another copy of the library, and nothing else", async () => {
  const { frame } = makeFrame();
  assert.equal(isVideoFrame(frame), true);
  const copy: typeof import("../../../src/frames/video/video_frame.ts") = await import(
    `${new URL("../../../src/frames/video/video_frame.ts", import.meta.url).href}?copy`
  );
  const picture = noisePicture("rgb24", [2, 2]);
  const foreign = new copy.VideoFrame({ ...picture, ptsTicks: 0, timeBase: MPEG_TIME_BASE });
  assert.equal(foreign instanceof VideoFrame, false);
  assert.equal(isVideoFrame(foreign), true);
  for (const other of [null, undefined, 1, {}, picture]) assert.equal(isVideoFrame(other), false);
  frame.close();
});

/** Collects garbage now: the flag has to be set while the process runs. */
function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  (vm.runInNewContext("gc") as () => void)();
}

Deno.test("a frame that is forgotten is counted as leaked and reported; a closed one is not", async () => {
  const before = frameCounts();
  const reports: number[] = [];
  onFrameLeak((leaked) => reports.push(leaked));
  try {
    const closed = makeFrame();
    closed.frame.close();
    assert.equal(frameCounts().open, before.open);
    // In a function of its own, so that no slot of this one keeps the frame.
    (() => assert.equal(makeFrame().frame.closed, false))();
    assert.equal(frameCounts().open, before.open + 1);
    await until(() => {
      collectGarbage();
      return frameCounts().leaked > before.leaked;
    }, "the leak");
    assert.deepEqual(frameCounts(), { open: before.open, leaked: before.leaked + 1 });
    assert.deepEqual(reports, [before.leaked + 1]);
  } finally {
    onFrameLeak(undefined);
  }
});

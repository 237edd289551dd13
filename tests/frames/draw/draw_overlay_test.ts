import assert from "node:assert/strict";
import { MPEG_TIME_BASE } from "../../../src/base/mod.ts";
import {
  convertPicture,
  drawOverlay,
  fillRects,
  frameCounts,
  type Overlay,
  overlayRects,
  type Picture,
  VideoFrame,
} from "../../../src/frames/mod.ts";
import { sharedGpu } from "../../../src/gpu/mod.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";
import { largestError, noisePicture } from "../pictures.ts";

const OVERLAY: Overlay = [
  { kind: "fill", x: 30, y: -4, width: 60, height: 20, color: [10, 20, 200, 90] },
  { kind: "box", x: 5, y: 16, width: 50, height: 20, color: [255, 200, 0], label: "7%" },
  { kind: "text", text: "gpu", x: 60, y: 20, scale: 1, outline: [0, 0, 0, 100] },
  { kind: "progress", x: 4, y: 40, width: 80, height: 5, value: 0.6 },
];

function makeFrame(picture: Picture): VideoFrame {
  return new VideoFrame({
    ...picture,
    ptsTicks: 4500,
    timeBase: MPEG_TIME_BASE,
    metadata: { camera: 7 },
  });
}

Deno.test("drawOverlay() draws in place on a frame in CPU memory, in every format", () => {
  for (const format of ["i420", "rgb24", "rgba"] as const) {
    using frame = makeFrame(noisePicture(format, [93, 47]));
    const expected = noisePicture(format, [93, 47]);
    fillRects(expected, overlayRects(OVERLAY));
    assert.equal(drawOverlay(frame, OVERLAY), frame);
    assert.deepEqual(frame.data, expected.data, format);
  }
});

gpuTest("drawOverlay() draws the same on the GPU, on a frame of its own", async () => {
  const { pool } = await sharedGpu();
  const before = { inUse: pool.stats.inUse, open: frameCounts().open };
  for (const format of ["i420", "rgb24", "rgba"] as const) {
    const picture = noisePicture(format, [93, 47]);
    const expected = convertPicture(picture, "rgba");
    fillRects(
      { pixelFormat: "rgba", data: expected, width: 93, height: 47 },
      overlayRects(OVERLAY),
    );
    const untouched = picture.data.slice();
    using frame = await makeFrame(picture).to("gpu");
    using drawn = drawOverlay(frame, OVERLAY);
    assert.notEqual(drawn, frame);
    assert.deepEqual([drawn.timestamp, drawn.metadata], [4500, { camera: 7 }]);
    await drawn.to("cpu");
    assert.equal(drawn.pixelFormat, "rgba");
    assert.ok(largestError(drawn.data, expected) <= 1, format);
    await frame.to("cpu");
    assert.deepEqual(frame.data, untouched);
  }
  assert.deepEqual({ inUse: pool.stats.inUse, open: frameCounts().open }, before);
});

gpuTest("drawOverlay() leaves other frames on the GPU that share the pixels alone", async () => {
  using frame = await makeFrame(noisePicture("rgba", [20, 10])).to("gpu");
  using made = frame.convert("rgba");
  using shared = made.share();
  using drawn = drawOverlay(made, [
    { kind: "fill", x: 0, y: 0, width: 20, height: 10, color: [1, 2, 3] },
  ]);
  await shared.to("cpu");
  assert.deepEqual(shared.data, noisePicture("rgba", [20, 10]).data);
  assert.equal((await drawn.to("cpu")).data[2], 3);
});

gpuTest("drawOverlay() of nothing converts nothing", async () => {
  using frame = await makeFrame(noisePicture("i420", [20, 10])).to("gpu");
  using same = drawOverlay(frame, []);
  assert.equal(same.pixelFormat, "i420");
  assert.notEqual(same, frame);
});

gpuTest("drawOverlay() refuses what cannot be drawn, and keeps no memory", async () => {
  const { pool } = await sharedGpu();
  using frame = await makeFrame(noisePicture("i420", [20, 10])).to("gpu");
  const before = pool.stats.inUse;
  const wrong = { kind: "fill", x: NaN, y: 0, width: 1, height: 1, color: [1, 2, 3] } as const;
  assert.throws(() => drawOverlay(frame, [wrong]), /its x is NaN/);
  assert.equal(pool.stats.inUse, before);
  frame.close();
  assert.throws(() => drawOverlay(frame, OVERLAY), /closed frame/);
});

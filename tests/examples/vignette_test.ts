import assert from "node:assert/strict";
import makeVignette from "../../examples/vignette.ts";
import { MPEG_TIME_BASE } from "../../src/base/mod.ts";
import { VideoFrame } from "../../src/frames/mod.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { quietContext } from "../processor/context.ts";

const [WIDTH, HEIGHT] = [32, 18];

/** What the example makes of a grey frame, a second into the stream. */
async function pixelsOf(
  params: Record<string, unknown>,
): Promise<(x: number, y: number) => number[]> {
  const processor = makeVignette();
  await processor.initialize(quietContext());
  await processor.onStreamStart({});
  await processor.updateParams(params);
  using frame = new VideoFrame({
    pixelFormat: "rgb24",
    data: new Uint8Array(WIDTH * HEIGHT * 3).fill(200),
    width: WIDTH,
    height: HEIGHT,
    ptsTicks: 90_000,
    timeBase: MPEG_TIME_BASE,
  });
  using shaded = await processor.processVideo(frame);
  assert.ok(shaded !== null);
  const { data } = await shaded.to("cpu");
  return (x, y) => [...data.subarray((y * WIDTH + x) * 4, (y * WIDTH + x) * 4 + 3)];
}

gpuTest("the vignette example darkens the corners and tints, as its parameters say", async () => {
  const whole = await pixelsOf({});
  assert.deepEqual(whole(16, 9), [200, 190, 170]);
  assert.ok(whole(0, 0)[0]! < 90);
  assert.ok(whole(8, 9)[0]! > whole(1, 9)[0]!);
  const flat = await pixelsOf({ strength: 0, tint: [0.5, 0, 1] });
  assert.deepEqual(flat(0, 0), [100, 0, 200]);
});

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import style from "../../examples/style.ts";
import superResolution from "../../examples/super_resolution.ts";
import { fakeContext, initialized, processed } from "../inference/processor_rig.ts";
import {
  doubled,
  greatestError,
  meanError,
  rgbOf,
  smoothFrame,
  toI420,
} from "../inference/rgb_picture.ts";

Deno.test("examples/style.ts draws frames anew, in their own size", async () => {
  await using processor = await initialized(style());
  const frame = smoothFrame(180, 100);
  const before = toI420(rgbOf(frame));
  const after = await processed(processor, frame);
  deepStrictEqual([after.width, after.height], [180, 100]);
  ok(meanError(after, before) > 2);
  deepStrictEqual(await processed(processor, smoothFrame(180, 100)), after);
});

Deno.test("examples/super_resolution.ts doubles frames, and reports each size once", async () => {
  const { context, sent } = fakeContext();
  await using processor = superResolution();
  await processor.initialize(context);
  for (const [width, height] of [[24, 16], [24, 16], [30, 10]] as const) {
    const frame = smoothFrame(width, height);
    const expected = toI420(doubled(rgbOf(frame)));
    ok(greatestError(await processed(processor, frame), expected) <= 2);
  }
  deepStrictEqual(sent, ['{"size":"48x32"}', '{"size":"60x20"}']);
  strictEqual(processor.getMetrics()["runs"], 3);
});

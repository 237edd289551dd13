import assert from "node:assert/strict";
import { type Fit, fitMapping } from "../../../src/gpu/mod.ts";
import { seededRandom } from "../../frames/pictures.ts";

const size = (width: number, height: number) => ({ width, height });
const rect = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });

Deno.test('fitMapping() "stretch" shows all of the source in all of the target', () => {
  const { crop, inner } = fitMapping(size(640, 360), size(100, 200), "stretch");
  assert.deepEqual([crop, inner], [rect(0, 0, 640, 360), rect(0, 0, 100, 200)]);
});

Deno.test('fitMapping() "cover" fills the target and cuts off the same at both sides', () => {
  const wide = fitMapping(size(640, 360), size(180, 180), "cover");
  assert.deepEqual([wide.crop, wide.inner], [rect(140, 0, 360, 360), rect(0, 0, 180, 180)]);
  const high = fitMapping(size(300, 600), size(200, 100), "cover");
  assert.deepEqual([high.crop, high.inner], [rect(0, 225, 300, 150), rect(0, 0, 200, 100)]);
});

Deno.test('fitMapping() "letterbox" shows all of the source between bars of whole pixels', () => {
  const wide = fitMapping(size(1920, 1080), size(640, 640), "letterbox");
  assert.deepEqual([wide.crop, wide.inner], [rect(0, 0, 1920, 1080), rect(0, 140, 640, 360)]);
  const high = fitMapping(size(90, 160), size(320, 319), "letterbox");
  assert.deepEqual(high.inner, rect(70, 0, 179, 319));
  // A line stays one pixel thick, and an enlarged picture fills one side.
  assert.deepEqual(fitMapping(size(1000, 1), size(10, 10), "letterbox").inner, rect(0, 4, 10, 1));
  assert.deepEqual(fitMapping(size(3, 2), size(30, 30), "letterbox").inner, rect(0, 5, 30, 20));
});

Deno.test('fitMapping() "pad" shrinks as "letterbox" does, and never enlarges', () => {
  assert.deepEqual(fitMapping(size(30, 20), size(40, 32), "pad").inner, rect(5, 6, 30, 20));
  assert.deepEqual(
    fitMapping(size(1920, 1080), size(640, 640), "pad").inner,
    fitMapping(size(1920, 1080), size(640, 640), "letterbox").inner,
  );
});

Deno.test("fitMapping() goes from source to target and back to the same place", () => {
  const random = seededRandom(5);
  const side = (): number => 1 + Math.floor(random() * 2000);
  for (const fit of ["stretch", "cover", "letterbox", "pad"] as const) {
    for (let i = 0; i < 200; i++) {
      const [source, target] = [size(side(), side()), size(side(), side())];
      const mapping = fitMapping(source, target, fit);
      const [x, y] = [random() * source.width, random() * source.height];
      const there = mapping.toTarget(x, y);
      const back = mapping.toSource(there.x, there.y);
      const what = `${fit} ${JSON.stringify([source, target])}`;
      assert.ok(Math.abs(back.x - x) < 1e-6 && Math.abs(back.y - y) < 1e-6, what);
      const { crop, inner } = mapping;
      // Corner to corner.
      const topLeft = mapping.toTarget(crop.x, crop.y);
      const end = mapping.toSource(inner.x + inner.width, inner.y + inner.height);
      assert.ok(Math.abs(topLeft.x - inner.x) < 1e-6 && Math.abs(topLeft.y - inner.y) < 1e-6, what);
      assert.ok(Math.abs(end.x - crop.x - crop.width) < 1e-6, what);
      assert.ok(Math.abs(end.y - crop.y - crop.height) < 1e-6, what);
      assertInside(crop, source, what);
      assertInside(inner, target, what);
    }
  }
});

function assertInside(
  part: ReturnType<typeof rect>,
  whole: ReturnType<typeof size>,
  what: string,
): void {
  assert.ok(part.x >= -1e-9 && part.y >= -1e-9, what);
  assert.ok(part.x + part.width <= whole.width + 1e-9, what);
  assert.ok(part.y + part.height <= whole.height + 1e-9, what);
}

Deno.test("fitMapping() keeps proportions but for half a pixel, unless it stretches", () => {
  const random = seededRandom(6);
  const side = (): number => 50 + Math.floor(random() * 1000);
  for (const fit of ["cover", "letterbox", "pad"] as const) {
    for (let i = 0; i < 200; i++) {
      const { crop, inner } = fitMapping(size(side(), side()), size(side(), side()), fit);
      const scale = inner.width / crop.width;
      assert.ok(
        Math.abs(inner.height - crop.height * scale) <= 0.5 + 0.5 * crop.height / crop.width,
      );
    }
  }
});

Deno.test("fitMapping() refuses a fit that is none", () => {
  assert.throws(
    () => fitMapping(size(2, 2), size(2, 2), "fill" as Fit),
    /TypeError: Cannot fit by "fill": use "stretch", "cover", "letterbox" or "pad"/,
  );
});

import assert from "node:assert/strict";
import { type FilledRect, fillRects, overlayRects, type Picture } from "../../../src/frames/mod.ts";
import { drawRects, type Gpu } from "../../../src/gpu/mod.ts";
import { batchRects } from "../../../src/gpu/draw/rect_tiles.ts";
import { largestError, noisePicture, seededRandom } from "../../frames/pictures.ts";
import { deviceTest } from "../device.ts";

/** Rectangles of all sizes, some outside, some opaque, some invisible. */
function randomRects(
  count: number,
  { width, height, largest }: { width: number; height: number; largest: number },
): FilledRect[] {
  const random = seededRandom(count * 7 + width);
  const byte = (): number => Math.floor(random() * 256);
  return Array.from({ length: count }, () => ({
    x: (random() * 1.2 - 0.1) * width,
    y: (random() * 1.2 - 0.1) * height,
    width: (random() - 0.05) * largest,
    height: (random() - 0.05) * largest,
    color: [byte(), byte(), byte(), [0, 255, byte(), byte()][byte() % 4]!],
  }));
}

/** What the GPU makes of the picture. */
async function drawOnGpu(
  gpu: Gpu,
  picture: Picture,
  rects: readonly FilledRect[],
): Promise<Uint8Array> {
  const { width, height, data } = picture;
  const buffer = gpu.upload(data, "test picture");
  const color = { matrix: "bt601", fullRange: false } as const;
  drawRects(gpu, { buffer, pixelFormat: "rgba", width, height, color }, rects);
  const bytes = await gpu.readback.read(buffer, data.length);
  gpu.pool.release(buffer);
  return bytes;
}

/** Fails unless GPU and CPU draw the same bytes. */
async function assertSame(
  gpu: Gpu,
  picture: Picture,
  rects: readonly FilledRect[],
): Promise<void> {
  const drawn = await drawOnGpu(gpu, picture, rects);
  fillRects(picture, rects);
  const { width, height } = picture;
  assert.equal(largestError(drawn, picture.data), 0, `${rects.length} on ${width}x${height}`);
}

deviceTest("drawRects() draws what the CPU draws, byte for byte", async (gpu) => {
  for (const [width, height] of [[1, 1], [16, 16], [17, 33], [100, 7], [127, 65]] as const) {
    for (const count of [1, 3, 40, 500]) {
      const picture = noisePicture("rgba", [width, height]);
      await assertSame(gpu, picture, randomRects(count, { width, height, largest: 60 }));
    }
  }
  assert.equal(gpu.pool.stats.inUse, 0);
  assert.equal(gpu.stats.uncapturedErrors, 0);
});

deviceTest("drawRects() draws thousands of rectangles on a large picture", async (gpu) => {
  const [width, height] = [1280, 720];
  const picture = noisePicture("rgba", [width, height]);
  await assertSame(gpu, picture, randomRects(5000, { width, height, largest: 50 }));
});

deviceTest("drawRects() draws texts and boxes as the CPU does", async (gpu) => {
  const picture = noisePicture("rgba", [160, 90]);
  const rects = overlayRects([
    { kind: "fill", x: 0, y: 60, width: 160, height: 30, color: [0, 0, 40, 140] },
    { kind: "box", x: 20.4, y: 25.5, width: 60, height: 30, color: [0, 255, 0], label: "cat 97%" },
    {
      kind: "text",
      text: "Hello\nworld",
      x: 90,
      y: 5,
      color: [255, 255, 0],
      outline: [0, 0, 0, 90],
    },
    { kind: "progress", x: 10, y: 70, width: 140, height: 12, value: 0.37 },
  ]);
  await assertSame(gpu, picture, rects);
});

deviceTest("drawRects() leaves the picture where nothing is to be drawn", async (gpu) => {
  const picture = noisePicture("rgba", [20, 20]);
  const rects: FilledRect[] = [
    { x: 30, y: 0, width: 5, height: 5, color: [1, 2, 3, 255] },
    { x: 3, y: 3, width: 0, height: 5, color: [1, 2, 3, 255] },
    { x: 3, y: 3, width: 9, height: 9, color: [1, 2, 3, 0] },
  ];
  for (const none of [[], rects]) {
    assert.deepEqual(await drawOnGpu(gpu, picture, none), picture.data);
  }
});

deviceTest("drawRects() refuses other formats, places and colours that are none", (gpu) => {
  const buffer = gpu.pool.allocate(64, "test");
  const color = { matrix: "bt601", fullRange: false } as const;
  const picture = { buffer, pixelFormat: "rgba", width: 4, height: 4, color } as const;
  const rect: FilledRect = { x: 0, y: 0, width: 1, height: 1, color: [1, 2, 3, 4] };
  assert.throws(() => drawRects(gpu, { ...picture, pixelFormat: "rgb24" }, []), /rgb24.*to rgba/);
  assert.throws(() => drawRects(gpu, picture, [{ ...rect, x: NaN }]), /at NaN, 0: use finite/);
  for (const wrong of [[1, 2, 3, 256], [1, 2, 3, -1], [1, 2, 3, 0.5], [1, 2, 3]]) {
    const wrongColor = wrong as unknown as FilledRect["color"];
    assert.throws(() => drawRects(gpu, picture, [{ ...rect, color: wrongColor }]), /colour/);
  }
  gpu.pool.release(buffer);
});

Deno.test("batchRects() lists nothing below an opaque rectangle that covers a tile", () => {
  const size = { width: 40, height: 40 };
  const full = { x: -5, y: -5, width: 50, height: 50 };
  const [batch, ...more] = [...batchRects([
    { ...full, color: [1, 1, 1, 255] },
    { ...full, color: [2, 2, 2, 100] },
    { ...full, width: 21, color: [3, 3, 3, 255] },
    { x: 0, y: 0, width: 1, height: 1, color: [4, 4, 4, 4] },
  ], size)];
  assert.equal(more.length, 0);
  assert.ok(batch !== undefined);
  const { words, tileCount, tilesStart, listsStart } = batch;
  const lists = Array.from({ length: tileCount }, (_, tile) => {
    const [place, first, count] = words.subarray(tilesStart + tile * 3);
    const start = listsStart + first!;
    return [place! & 0xffff, place! >>> 16, ...words.subarray(start, start + count!)];
  });
  assert.deepEqual(lists, [
    [0, 0, 2, 3],
    [1, 0, 0, 1],
    [2, 0, 0, 1],
    [0, 1, 2],
    [1, 1, 0, 1],
    [2, 1, 0, 1],
    [0, 2, 2],
    [1, 2, 0, 1],
    [2, 2, 0, 1],
  ]);
});

Deno.test("batchRects() splits what touches too many tiles, and keeps the order", () => {
  const size = { width: 64, height: 32 }; // eight tiles
  const rects = Array.from({ length: 5 }, (_, i): FilledRect => ({
    x: 0,
    y: 0,
    width: 64,
    height: 32,
    color: [i, 0, 0, 128],
  }));
  for (const [maxEntries, batches] of [[8, 5], [16, 3], [39, 2], [40, 1], [1, 5]] as const) {
    const drawn = [...batchRects(rects, size, maxEntries)];
    assert.equal(drawn.length, batches, String(maxEntries));
    const reds = drawn.flatMap(({ words, tilesStart }) =>
      Array.from({ length: tilesStart / 3 }, (_, index) => words[index * 3 + 2]! & 255)
    );
    assert.deepEqual(reds, [0, 1, 2, 3, 4]);
  }
});

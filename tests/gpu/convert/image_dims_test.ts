import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { type Dim, imageDimsOf, parseImageDims } from "../../../src/gpu/mod.ts";

Deno.test("parseImageDims() finds the channels of every layout", () => {
  const cases: [readonly Dim[], unknown[]][] = [
    [[1, 3, 64, 48], ["nchw", 3, 48, 64]],
    [["batch", 3, "h", "w"], ["nchw", 3, undefined, undefined]],
    [[1, 64, 48, 4], ["nhwc", 4, 48, 64]],
    [[undefined, undefined, 48, 1], ["nhwc", 1, 48, undefined]],
    [[3, 64, 48], ["chw", 3, 48, 64]],
    [[64, 48, 3], ["hwc", 3, 48, 64]],
    [[1, 64, 48], ["chw", 1, 48, 64]],
  ];
  for (const [dims, expected] of cases) {
    const image = parseImageDims(dims);
    deepStrictEqual([image?.layout, image?.channels, image?.width, image?.height], expected);
  }
});

Deno.test("parseImageDims() lets a known number of channels win, and the last end where both are", () => {
  const cases: [readonly Dim[], unknown[]][] = [
    [[3, 480, 3], ["hwc", 3, 480, 3]],
    [[1, 3, 480, 4], ["nhwc", 4, 480, 3]],
    [[1, 1, 1], ["hwc", 1, 1, 1]],
    [["n", 3, "w", 3], ["nhwc", 3, undefined, 3]],
    [["n", 3, "h", "w"], ["nchw", 3, undefined, undefined]],
    [["h", "w", 4], ["hwc", 4, undefined, undefined]],
  ];
  for (const [dims, [layout, channels, width, height]] of cases) {
    deepStrictEqual(parseImageDims(dims), { layout, channels, width, height });
  }
  // Neither end is known: the channels are first, as most models have them.
  strictEqual(parseImageDims(["a", "b", "c"], { channels: 3 })?.layout, "chw");
});

Deno.test("parseImageDims() takes hints where the channels are dynamic or both layouts fit", () => {
  deepStrictEqual(parseImageDims(["n", "c", "h", "w"], { channels: 3 }), {
    layout: "nchw",
    channels: 3,
    width: undefined,
    height: undefined,
  });
  strictEqual(
    parseImageDims(["n", "h", "w", "c"], { channels: 3, layout: "nhwc" })?.layout,
    "nhwc",
  );
  strictEqual(parseImageDims([1, 3, 64, 3], { layout: "nhwc" })?.height, 3);
  strictEqual(parseImageDims([1, "h", "w", 3], { channels: 3 })?.layout, "nhwc");
  strictEqual(parseImageDims([1, 3, 480, 4], { channels: 3 })?.layout, "nchw");
  strictEqual(parseImageDims([3, 64, 3], { layout: "nchw" })?.layout, "chw");
});

Deno.test("parseImageDims() refuses what is no picture", () => {
  const none: (readonly Dim[])[] = [
    [],
    [1, 7],
    [1, 1000],
    [2, 3, 64, 48],
    [1, 5, 64, 48],
    [1, 3, 0, 48],
    [1, 3, 20_000, 48],
    [1, 1, 3, 64, 48],
    ["n", "c", "h", "w"],
  ];
  for (const dims of none) strictEqual(parseImageDims(dims), undefined, JSON.stringify(dims));
  strictEqual(parseImageDims([1, 3, 64, 48], { channels: 1 }), undefined);
  // Not [1,H,W,4], although the width may be 4.
  strictEqual(parseImageDims([1, 3, "h", "w"], { channels: 4 }), undefined);
});

Deno.test("imageDimsOf() names what it got and what is accepted", () => {
  deepStrictEqual(imageDimsOf("it", [64, 48, 3]), {
    layout: "hwc",
    channels: 3,
    width: 48,
    height: 64,
  });
  throws(
    () => imageDimsOf("a toy", [64, 48], { layout: "nhwc" }),
    /TypeError: Cannot make a picture of a toy: accepted are .* in layout nhwc with 1, 3 or 4 ch/,
  );
});

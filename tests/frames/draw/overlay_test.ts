import assert from "node:assert/strict";
import {
  convertPicture,
  drawText,
  type FilledRect,
  fillRects,
  type Overlay,
  type OverlayItem,
  overlayRects,
  type Picture,
  pictureBytes,
  type PixelFormat,
} from "../../../src/frames/mod.ts";
import { largestError, noisePicture, seededRandom } from "../pictures.ts";

const FORMATS: readonly PixelFormat[] = ["i420", "rgb24", "rgba"];

function blank(pixelFormat: PixelFormat, width: number, height: number): Picture {
  const rgb = new Uint8Array(pictureBytes("rgb24", width, height));
  const black: Picture = { pixelFormat: "rgb24", data: rgb, width, height };
  return { ...black, pixelFormat, data: convertPicture(black, pixelFormat) };
}

function draw(picture: Picture, overlay: Overlay): Picture {
  fillRects(picture, overlayRects(overlay));
  return picture;
}

/** `#` for bright pixels, `+` for dim ones, `.` for dark ones. */
function dots(picture: Picture): string[] {
  const rgb = convertPicture(picture, "rgb24");
  const mark = (green: number): string => green > 200 ? "#" : green > 40 ? "+" : ".";
  return Array.from({ length: picture.height }, (_, y) =>
    Array.from(
      { length: picture.width },
      (_, x) => mark(rgb[(y * picture.width + x) * 3 + 1]!),
    ).join(""));
}

/** The textbook's source-over of straight colours, in floating point, rounded once a rectangle. */
function overByTheBook(picture: Picture, rects: readonly FilledRect[]): Uint8Array {
  const { width, height } = picture;
  const channels = picture.pixelFormat === "rgba" ? 4 : 3;
  const data = picture.data.slice();
  for (const { color: [r, g, b, a], ...rect } of rects) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const isIn = x >= Math.round(rect.x) && x < Math.round(rect.x + rect.width) &&
          y >= Math.round(rect.y) && y < Math.round(rect.y + rect.height);
        if (!isIn || a === 0) continue;
        const at = (y * width + x) * channels;
        const below = channels === 4 ? data[at + 3]! / 255 : 1;
        const over = a / 255;
        const alpha = over + below * (1 - over);
        [r, g, b].forEach((value, channel) => {
          const mixed = value * over + data[at + channel]! * below * (1 - over);
          data[at + channel] = Math.round(mixed / alpha);
        });
        if (channels === 4) data[at + 3] = Math.round(alpha * 255);
      }
    }
  }
  return data;
}

function randomRects(count: number, width: number, height: number): FilledRect[] {
  const random = seededRandom(count);
  const byte = (): number => Math.floor(random() * 256);
  return Array.from({ length: count }, () => ({
    x: (random() * 1.4 - 0.2) * width,
    y: (random() * 1.4 - 0.2) * height,
    width: random() * width / 2,
    height: random() * height / 2,
    color: [byte(), byte(), byte(), random() < 0.2 ? 255 : byte()],
  }));
}

Deno.test("fillRects() lays translucent rectangles over one another as the formula says", () => {
  for (const format of ["rgb24", "rgba"] as const) {
    const picture = noisePicture(format, [23, 17]);
    for (const rect of randomRects(60, 23, 17)) {
      const expected = overByTheBook(picture, [rect]);
      fillRects(picture, [rect]);
      assert.ok(largestError(picture.data, expected) <= 1, format);
    }
  }
});

Deno.test("fillRects() leaves what an invisible colour covers", () => {
  for (const format of FORMATS) {
    const picture = noisePicture(format, [5, 4]);
    const before = picture.data.slice();
    fillRects(picture, [{ x: 0, y: 0, width: 5, height: 4, color: [1, 2, 3, 0] }]);
    assert.deepEqual(picture.data, before, format);
  }
});

Deno.test("fillRects() draws the same translucent colours on i420 as on RGB", () => {
  const rects: FilledRect[] = [
    { x: 0, y: 0, width: 7, height: 5, color: [200, 40, 90, 255] },
    { x: 1, y: 1, width: 3, height: 3, color: [20, 200, 30, 128] },
    { x: 4, y: 0, width: 3, height: 5, color: [255, 255, 0, 60] },
  ];
  for (const fullRange of [false, true]) {
    const color = { matrix: "bt709", fullRange } as const;
    const yuv = { ...blank("i420", 7, 5), color };
    yuv.data.set(convertPicture({ ...blank("rgb24", 7, 5), color }, "i420"));
    const rgb = { ...blank("rgb24", 7, 5), color };
    fillRects(yuv, rects);
    fillRects(rgb, rects);
    // Compared as i420: chroma of RGB is averaged over four pixels there.
    const error = largestError(yuv.data, convertPicture(rgb, "i420"));
    assert.ok(error <= 3, `full range ${fullRange}: ${error}`);
  }
});

Deno.test("a box is lines inside of its rectangle, each pixel drawn once", () => {
  for (const format of FORMATS) {
    const box: OverlayItem = {
      kind: "box",
      x: 0.6,
      y: 0.5,
      width: 6,
      height: 5,
      color: [255, 255, 255, 110],
      lineWidth: 1,
    };
    assert.deepEqual(dots(draw(blank(format, 8, 7), [box])), [
      "........",
      ".++++++.",
      ".+....+.",
      ".+....+.",
      ".+....+.",
      ".++++++.",
      "........",
    ], format);
    const thick = dots(draw(blank(format, 8, 7), [{ ...box, lineWidth: 3 }]));
    assert.deepEqual(thick.slice(1, 6), Array(5).fill(".++++++."), format);
  }
});

Deno.test("a box's label is above it, or in its top where there is no room", () => {
  const label = { kind: "box", x: 0, width: 40, height: 20, label: "I", labelScale: 1 } as const;
  for (const [y, top] of [[14, 3], [5, 5]] as const) {
    const bright = draw(blank("rgb24", 40, 40), [{ ...label, y, color: [255, 255, 255] }]);
    assert.deepEqual(dots(bright).slice(top, top + 11).map((line) => line.slice(0, 11)), [
      ...Array(2).fill("#########" + (top === y ? "##" : "..")),
      "###...###" + "..",
      ...Array(5).fill("####.####" + ".."),
      "###...###" + "..",
      ...Array(2).fill("#########" + ".."),
    ], String(y));
  }
  const dark = overlayRects([{ ...label, y: 14, color: [90, 0, 0] }]);
  assert.deepEqual(dark.at(-1)?.color, [255, 255, 255, 255]);
});

Deno.test("a progress bar fills from the left, and stays within empty and full", () => {
  const bar = (value: number): string =>
    dots(draw(blank("rgb24", 10, 2), [{
      kind: "progress",
      x: 1,
      y: 0,
      width: 8,
      height: 2,
      value,
      background: [100, 100, 100],
    }]))[1]!;
  assert.equal(bar(0.5), ".####++++.");
  assert.equal(bar(0), ".++++++++.");
  assert.equal(bar(-3), ".++++++++.");
  assert.equal(bar(7), ".########.");
});

Deno.test("text of an overlay is drawText()'s, and a fill a rectangle", () => {
  const text = { x: 3, y: 4, scale: 1, color: [9, 200, 30], outline: [255, 0, 0] } as const;
  for (const format of FORMATS) {
    const expected = blank(format, 40, 30);
    drawText(expected, "Ag\n!?", text);
    const drawn = draw(blank(format, 40, 30), [{ kind: "text", text: "Ag\n!?", ...text }]);
    assert.deepEqual(drawn.data, expected.data, format);
  }
  const fill = draw(blank("rgba", 4, 2), [
    { kind: "fill", x: 2, y: 0, width: 9, height: 1, color: [255, 255, 255] },
  ]);
  assert.deepEqual(dots(fill), ["..##", "...."]);
});

Deno.test("no rectangle of a text lies on another of the same colour", () => {
  const overlay: Overlay = [{
    kind: "text",
    text: "W%@\ngj_|",
    x: 2,
    y: 2,
    scale: 1,
    color: [255, 255, 255, 100],
    outline: [255, 255, 255, 100],
  }];
  const picture = draw(blank("rgb24", 40, 24), overlay);
  const values = new Set(picture.data);
  assert.deepEqual(values, new Set([0, 100]));
});

Deno.test("overlayRects() refuses what cannot be drawn, and names it", () => {
  const box = { kind: "box", x: 0, y: 0, width: 5, height: 5, color: [1, 2, 3] } as const;
  const cases: readonly [unknown, RegExp][] = [
    [{ ...box, kind: "circle" }, /circle.*"box", "fill", "text" or "progress"/],
    [{ ...box, x: NaN }, /box over a frame: its x is NaN/],
    [{ ...box, height: undefined }, /its height is undefined/],
    [{ ...box, lineWidth: Infinity }, /its lineWidth is Infinity/],
    [{ ...box, color: [1, 2] }, /box of color \[1,2\].*\[red, green, blue\]/],
    [{ ...box, color: [1, 2, 256] }, /color \[1,2,256\]/],
    [{ ...box, color: "red" }, /color "red"/],
    [{ kind: "text", text: "a", x: 0, y: 0, scale: 0 }, /scale 0/],
    [{ kind: "text", text: "a", x: 0, y: 0, outline: [-1, 0, 0] }, /text of outline/],
    [{ kind: "progress", x: 0, y: 0, width: 1, height: 1, value: NaN }, /its value is NaN/],
  ];
  for (const [item, message] of cases) {
    assert.throws(() => overlayRects([item as OverlayItem]), message);
  }
});

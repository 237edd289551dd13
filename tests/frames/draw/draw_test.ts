import assert from "node:assert/strict";
import {
  convertPicture,
  drawText,
  type DrawTextOptions,
  fillRect,
  measureText,
  type Picture,
  pictureBytes,
  type PixelFormat,
} from "../../../src/frames/mod.ts";
import { glyphRows } from "../../../src/frames/draw/font.ts";
import { largestError } from "../pictures.ts";

const FORMATS: readonly PixelFormat[] = ["i420", "rgb24", "rgba"];

/** A black picture. */
function blank(pixelFormat: PixelFormat, width: number, height: number): Picture {
  const rgb = new Uint8Array(pictureBytes("rgb24", width, height));
  const black: Picture = { pixelFormat: "rgb24", data: rgb, width, height };
  return { ...black, pixelFormat, data: convertPicture(black, pixelFormat) };
}

/** The picture as lines of `#` for bright pixels and `.` for dark ones. */
function dots(picture: Picture): string[] {
  const rgb = convertPicture(picture, "rgb24");
  return Array.from({ length: picture.height }, (_, y) =>
    Array.from(
      { length: picture.width },
      (_, x) => rgb[(y * picture.width + x) * 3 + 1]! > 127 ? "#" : ".",
    ).join(""));
}

Deno.test("fillRect() fills exactly the pixels of the rectangle, in every format", () => {
  for (const format of FORMATS) {
    const picture = blank(format, 6, 4);
    fillRect(picture, { x: 1, y: 1, width: 3, height: 2 }, [255, 255, 255]);
    assert.deepEqual(dots(picture), ["......", ".###..", ".###..", "......"], format);
  }
});

Deno.test("fillRect() cuts off what lies outside, also all of it", () => {
  for (const format of FORMATS) {
    const picture = blank(format, 5, 3);
    fillRect(picture, { x: -3, y: -1, width: 5, height: 2 }, [255, 255, 255]);
    fillRect(picture, { x: 4, y: 2, width: 100, height: 100 }, [255, 255, 255]);
    assert.deepEqual(dots(picture), ["##...", ".....", "....#"], format);
    const before = picture.data.slice();
    for (const [x, y] of [[5, 0], [0, 3], [-4, 0], [0, -4]] as const) {
      fillRect(picture, { x, y, width: 4, height: 4 }, [255, 0, 0]);
    }
    fillRect(picture, { x: 1, y: 1, width: 0, height: 2 }, [255, 0, 0]);
    fillRect(picture, { x: 1, y: 1, width: -2, height: 2 }, [255, 0, 0]);
    assert.deepEqual(picture.data, before, format);
  }
});

Deno.test("fillRect() paints the same colour in every format, matrix and range", () => {
  const color = [200, 30, 90] as const;
  for (const matrix of ["bt601", "bt709"] as const) {
    for (const fullRange of [false, true]) {
      for (const format of FORMATS) {
        const picture = { ...blank(format, 4, 4), color: { matrix, fullRange } };
        fillRect(picture, { x: 0, y: 0, width: 4, height: 4 }, color);
        const expected = Uint8Array.from({ length: 48 }, (_, at) => color[at % 3]!);
        const error = largestError(convertPicture(picture, "rgb24"), expected);
        assert.ok(error <= 2, `${format} ${matrix} ${fullRange}: ${error}`);
      }
    }
  }
});

Deno.test("fillRect() makes rgba opaque", () => {
  const picture: Picture = {
    pixelFormat: "rgba",
    data: new Uint8Array(16),
    width: 2,
    height: 2,
  };
  fillRect(picture, { x: 0, y: 0, width: 1, height: 2 }, [1, 2, 3]);
  assert.deepEqual([...picture.data], [1, 2, 3, 255, 0, 0, 0, 0, 1, 2, 3, 255, 0, 0, 0, 0]);
});

Deno.test("drawText() draws the letters of the font, in every format", () => {
  for (const format of FORMATS) {
    const picture = blank(format, 13, 9);
    drawText(picture, "A7", { x: 1, y: 1, scale: 1 });
    assert.deepEqual(dots(picture), [
      ".............",
      "..###..#####.",
      ".#...#.....#.",
      ".#...#....#..",
      ".#####...#...",
      ".#...#..#....",
      ".#...#..#....",
      ".#...#..#....",
      ".............",
    ], format);
  }
});

Deno.test("drawText() scales by whole dots", () => {
  const small = blank("rgb24", 12, 7);
  drawText(small, "kg", { x: 0, y: 0, scale: 1 });
  const large = blank("rgb24", 36, 21);
  drawText(large, "kg", { x: 0, y: 0, scale: 3 });
  const enlarged = dots(small).flatMap((line) => {
    const wide = [...line].map((dot) => dot.repeat(3)).join("");
    return [wide, wide, wide];
  });
  assert.deepEqual(dots(large), enlarged);
});

Deno.test("drawText() starts a new line at a line break and boxes what the font lacks", () => {
  const picture = blank("rgb24", 5, 16);
  drawText(picture, "-\né", { x: 0, y: 0, scale: 1 });
  const lines = dots(picture);
  assert.equal(lines[3], "#####");
  assert.deepEqual(lines.slice(9), ["#####", ..."#...#,".repeat(5).split(",", 5), "#####"]);
});

Deno.test("drawText() puts a background two dots around the text, and an outline one dot", () => {
  const options: DrawTextOptions = { x: 4, y: 4, scale: 1, color: [0, 0, 0] };
  const boxed = blank("rgb24", 13, 15);
  drawText(boxed, ".", { ...options, background: [255, 255, 255] });
  const lines = dots(boxed);
  assert.equal(lines.findIndex((line) => line.includes("#")), 2);
  assert.equal(lines.findLastIndex((line) => line.includes("#")), 12);
  assert.equal(lines[2], "..#########..");
  assert.equal(lines[9], "..####..###..");
  const outlined = blank("rgb24", 13, 15);
  drawText(outlined, ".", { ...options, outline: [255, 255, 255] });
  assert.deepEqual(dots(outlined).slice(8, 12), [
    ".....####....",
    ".....#..#....",
    ".....#..#....",
    ".....####....",
  ]);
});

Deno.test("drawText() does not touch what lies outside of the text", () => {
  const picture = blank("i420", 8, 8);
  const before = picture.data.slice();
  drawText(picture, "out", { x: 8, y: 0 });
  drawText(picture, "out", { x: 0, y: -40 });
  drawText(picture, "   ", { x: 0, y: 0, scale: 1 });
  drawText(picture, "", { x: 0, y: 0 });
  assert.deepEqual(picture.data, before);
});

Deno.test("measureText() gives the size of the longest line and refuses odd scales", () => {
  assert.deepEqual(measureText("ab", 1), { width: 11, height: 7 });
  assert.deepEqual(measureText("ab\nabc", 2), { width: 34, height: 32 });
  assert.deepEqual(measureText("", 1), { width: 0, height: 7 });
  for (const scale of [0, -1, 1.5, NaN]) {
    assert.throws(() => measureText("a", scale), RangeError, String(scale));
  }
});

Deno.test("the font has a glyph of its own for every printable character", () => {
  const seen = new Map<string, string>();
  for (let code = 0x20; code < 0x7f; code++) {
    const character = String.fromCharCode(code);
    const rows = glyphRows(character);
    assert.equal(rows.length, 7);
    assert.ok(rows.every((row) => row < 32), character);
    const key = String(rows);
    assert.equal(seen.get(key), undefined, `${character} looks like ${seen.get(key)}`);
    seen.set(key, character);
  }
  assert.equal(seen.has(String(glyphRows("\u{1f600}"))), false);
});

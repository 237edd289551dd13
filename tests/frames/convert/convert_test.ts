import assert from "node:assert/strict";
import {
  type ColorInfo,
  convertPicture,
  DEFAULT_COLOR,
  type Picture,
  pictureBytes,
} from "../../../src/frames/mod.ts";
import {
  ALL_COLORS,
  ffmpeg,
  largestError,
  noisePicture,
  psnr,
  SIZES,
  smoothPicture,
} from "../pictures.ts";

/** Of red and blue in luma. */
const WEIGHTS = {
  bt601: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020: [0.2627, 0.0593],
} as const;

/** The published formulas (BT.601, BT.709 and BT.2020), in floating point and without any trick. */
class Reference {
  readonly #red: number;
  readonly #blue: number;
  readonly #offset: number;
  readonly #lumaRange: number;
  readonly #chromaRange: number;

  constructor(color: ColorInfo) {
    [this.#red, this.#blue] = WEIGHTS[color.matrix];
    this.#offset = color.fullRange ? 0 : 16;
    this.#lumaRange = color.fullRange ? 255 : 219;
    this.#chromaRange = color.fullRange ? 255 : 224;
  }

  toRgb(y: number, u: number, v: number): number[] {
    const luma = (y - this.#offset) / this.#lumaRange;
    const r = luma + 2 * (1 - this.#red) * (v - 128) / this.#chromaRange;
    const b = luma + 2 * (1 - this.#blue) * (u - 128) / this.#chromaRange;
    const g = (luma - this.#red * r - this.#blue * b) / (1 - this.#red - this.#blue);
    return [r, g, b].map((value) => toByte(value * 255));
  }

  luma(r: number, g: number, b: number): number {
    return this.#red * r + (1 - this.#red - this.#blue) * g + this.#blue * b;
  }

  toY(r: number, g: number, b: number): number {
    return toByte(this.#offset + this.luma(r, g, b) * this.#lumaRange / 255);
  }

  toU(r: number, g: number, b: number): number {
    const difference = (b - this.luma(r, g, b)) / (2 * (1 - this.#blue));
    return toByte(128 + difference * this.#chromaRange / 255);
  }

  toV(r: number, g: number, b: number): number {
    const difference = (r - this.luma(r, g, b)) / (2 * (1 - this.#red));
    return toByte(128 + difference * this.#chromaRange / 255);
  }
}

function toByte(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

function slowToRgb({ data, width, height, color = DEFAULT_COLOR }: Picture): Uint8Array {
  const reference = new Reference(color);
  const chromaWidth = Math.ceil(width / 2);
  const uStart = width * height;
  const vStart = uStart + chromaWidth * Math.ceil(height / 2);
  const rgb: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const chroma = Math.floor(y / 2) * chromaWidth + Math.floor(x / 2);
      rgb.push(
        ...reference.toRgb(data[y * width + x]!, data[uStart + chroma]!, data[vStart + chroma]!),
      );
    }
  }
  return Uint8Array.from(rgb);
}

function slowToI420({ data, width, height, color = DEFAULT_COLOR }: Picture): Uint8Array {
  const reference = new Reference(color);
  const pixel = (x: number, y: number): [number, number, number] => {
    const at = (y * width + x) * 3;
    return [data[at]!, data[at + 1]!, data[at + 2]!];
  };
  const luma: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) luma.push(reference.toY(...pixel(x, y)));
  }
  const u: number[] = [];
  const v: number[] = [];
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      const block = [[x, y], [x + 1, y], [x, y + 1], [x + 1, y + 1]]
        .filter(([bx, by]) => bx! < width && by! < height)
        .map(([bx, by]) => pixel(bx!, by!));
      const mean = (channel: 0 | 1 | 2): number =>
        block.reduce((sum, one) => sum + one[channel], 0) / block.length;
      u.push(reference.toU(mean(0), mean(1), mean(2)));
      v.push(reference.toV(mean(0), mean(1), mean(2)));
    }
  }
  return Uint8Array.from([...luma, ...u, ...v]);
}

Deno.test("convertPicture() from i420 is within 1 of the formulas, at all sizes and ranges", () => {
  for (const color of ALL_COLORS) {
    for (const size of SIZES) {
      const picture = noisePicture("i420", size, color);
      const error = largestError(convertPicture(picture, "rgb24"), slowToRgb(picture));
      assert.ok(error <= 1, `${size} ${JSON.stringify(color)}: ${error}`);
    }
  }
});

Deno.test("convertPicture() to i420 is within 1 of the formulas, at all sizes and ranges", () => {
  for (const color of ALL_COLORS) {
    for (const size of SIZES) {
      const picture = noisePicture("rgb24", size, color);
      const error = largestError(convertPicture(picture, "i420"), slowToI420(picture));
      assert.ok(error <= 1, `${size} ${JSON.stringify(color)}: ${error}`);
    }
  }
});

Deno.test("convertPicture() is off by its rounding only: hardly any value differs at all", () => {
  for (const color of ALL_COLORS) {
    const yuv = noisePicture("i420", [64, 48], color);
    const rgb = noisePicture("rgb24", [64, 48], color);
    const pairs = [
      [convertPicture(yuv, "rgb24"), slowToRgb(yuv)],
      [convertPicture(rgb, "i420"), slowToI420(rgb)],
    ] as const;
    for (const [ours, formula] of pairs) {
      const different = ours.filter((value, at) => value !== formula[at]).length;
      assert.ok(different <= ours.length / 200, `${JSON.stringify(color)}: ${different}`);
    }
  }
});

Deno.test("convertPicture() gives rgba the colours of rgb24 and full alpha, and ignores alpha", () => {
  for (const size of SIZES) {
    const picture = noisePicture("i420", size);
    const rgb = convertPicture(picture, "rgb24");
    const rgba = convertPicture(picture, "rgba");
    assert.ok(rgba.every((value, at) => at % 4 !== 3 || value === 255), String(size));
    const [width, height] = size;
    const asRgba: Picture = { pixelFormat: "rgba", data: rgba, width, height };
    assert.deepEqual(convertPicture(asRgba, "rgb24"), rgb);
    const asRgb: Picture = { pixelFormat: "rgb24", data: rgb, width, height };
    assert.deepEqual(convertPicture(asRgb, "rgba"), rgba);
    const fromRgb = convertPicture(asRgb, "i420");
    for (let at = 3; at < rgba.length; at += 4) rgba[at] = at % 256;
    assert.deepEqual(convertPicture(asRgba, "i420"), fromRgb);
  }
});

Deno.test("convertPicture() maps black, white and grey exactly", () => {
  for (const color of ALL_COLORS) {
    for (const grey of [0, 255]) {
      const data = new Uint8Array(4 * 4 * 3).fill(grey);
      const picture: Picture = { pixelFormat: "rgb24", data, width: 4, height: 4, color };
      const yuv = convertPicture(picture, "i420");
      const y = grey === 0 ? (color.fullRange ? 0 : 16) : (color.fullRange ? 255 : 235);
      assert.deepEqual([...yuv], [...Array(16).fill(y), ...Array(8).fill(128)]);
      const back = convertPicture({ ...picture, pixelFormat: "i420", data: yuv }, "rgb24");
      assert.deepEqual(back, data);
    }
  }
});

Deno.test("convertPicture() writes into a given buffer and refuses one of the wrong length", () => {
  const picture = noisePicture("i420", [6, 4]);
  const into = new Uint8Array(6 * 4 * 3);
  assert.equal(convertPicture(picture, "rgb24", { into }), into);
  assert.deepEqual(into, convertPicture(picture, "rgb24"));
  const offset = new Uint8Array(into.length + 9).subarray(5, 5 + into.length);
  assert.deepEqual(convertPicture(picture, "rgb24", { into: offset }), into);
  assert.throws(
    () => convertPicture(picture, "rgba", { into }),
    /6x4 rgba picture from 72 bytes: it takes 96/,
  );
  const copy = convertPicture(picture, "i420");
  assert.deepEqual(copy, picture.data);
  assert.notEqual(copy.buffer, picture.data.buffer);
});

Deno.test("pictureBytes() knows odd sizes and refuses sizes that no picture has", () => {
  assert.equal(pictureBytes("i420", 5, 3), 15 + 2 * 3 * 2);
  assert.equal(pictureBytes("rgb24", 5, 3), 45);
  assert.equal(pictureBytes("rgba", 5, 3), 60);
  for (const side of [0, -2, 1.5, NaN, 16_385]) {
    assert.throws(() => pictureBytes("i420", side, 4), RangeError, String(side));
    assert.throws(() => pictureBytes("i420", 4, side), RangeError, String(side));
  }
  assert.throws(() => pictureBytes("nv12" as "i420", 4, 4), /format nv12.*i420/);
});

/** What ffmpeg calls a matrix and range. */
function ffmpegColor(color: ColorInfo): { matrix: string; range: string } {
  return { matrix: color.matrix, range: color.fullRange ? "pc" : "tv" };
}

for (const color of ALL_COLORS) {
  const { matrix, range } = ffmpegColor(color);
  const name = `${matrix} ${range}`;
  // ffmpeg stretches the rounded-up chroma of an odd height over the picture, which strays from the
  // source by up to half a sample: little where colours change softly over many pixels.
  for (const size of [[320, 180], [641, 361]] as const) {
    const [width, height] = size;
    const sizeArgs = ["-s", `${width}x${height}`];

    Deno.test(`convertPicture() agrees with ffmpeg, ${name}, ${width}x${height}`, async () => {
      const rgb: Picture = { ...smoothPicture(size), color };
      const theirs = await ffmpeg([
        ...["-f", "rawvideo", "-pix_fmt", "rgb24", ...sizeArgs, "-i", "pipe:0"],
        ...["-vf", `scale=out_color_matrix=${matrix}:out_range=${range}:flags=accurate_rnd`],
        ...["-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1"],
      ], rgb.data);
      const ours = convertPicture(rgb, "i420");
      assert.ok(psnr(ours, theirs) > 40, `to i420: ${psnr(ours, theirs)} dB`);

      const yuv: Picture = { ...rgb, pixelFormat: "i420", data: ours };
      const theirRgb = await ffmpeg([
        ...["-f", "rawvideo", "-pix_fmt", "yuv420p", ...sizeArgs, "-i", "pipe:0"],
        ...["-vf", `scale=in_color_matrix=${matrix}:in_range=${range}:out_range=pc`],
        ...["-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"],
      ], ours);
      const ourRgb = convertPicture(yuv, "rgb24");
      assert.ok(psnr(ourRgb, theirRgb) > 40, `to rgb24: ${psnr(ourRgb, theirRgb)} dB`);
      assert.ok(psnr(ourRgb, rgb.data) >= psnr(theirRgb, rgb.data), "no further from the source");
    });
  }
}

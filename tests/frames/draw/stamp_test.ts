import assert from "node:assert/strict";
import {
  convertPicture,
  MIN_STAMP_HEIGHT,
  MIN_STAMP_WIDTH,
  type Picture,
  pictureBytes,
  readStamp,
  STAMP_LIMIT,
  writeStamp,
  yuvPlanes,
} from "../../../src/frames/mod.ts";
import { ffmpeg, noisePicture, seededRandom, smoothPicture } from "../pictures.ts";

const NUMBERS = [0, 1, 2, 255, 256, 65_535, 8_388_608, 11_184_810, STAMP_LIMIT - 1];

Deno.test("readStamp() reads back what writeStamp() wrote, in every format and size", () => {
  const sizes = [[MIN_STAMP_WIDTH, MIN_STAMP_HEIGHT], [101, 67], [640, 360]] as const;
  for (const format of ["i420", "rgb24", "rgba"] as const) {
    for (const size of sizes) {
      for (const number of NUMBERS) {
        const picture = noisePicture(format, size);
        writeStamp(picture, number);
        assert.equal(readStamp(picture), number, `${format} ${size}`);
      }
    }
  }
});

Deno.test("readStamp() takes a plane of brightness, also with a stride", () => {
  const picture = noisePicture("i420", [160, 90]);
  writeStamp(picture, 4711);
  const { y } = yuvPlanes(picture);
  assert.equal(readStamp(y), 4711);
  const strideBytes = 192;
  const data = new Uint8Array(strideBytes * 90).fill(128);
  for (let row = 0; row < 90; row++) {
    data.set(y.data.subarray(row * 160, (row + 1) * 160), row * strideBytes);
  }
  assert.equal(readStamp({ data, width: 160, height: 90, strideBytes }), 4711);
});

Deno.test("readStamp() reads an inverted and a darkened picture", () => {
  const picture = noisePicture("rgb24", [160, 90]);
  writeStamp(picture, 1_234_567);
  const inverted = { ...picture, data: picture.data.map((value) => 255 - value) };
  assert.equal(readStamp(inverted), 1_234_567);
  const dark = { ...picture, data: picture.data.map((value) => 20 + value * 0.3) };
  assert.equal(readStamp(dark), 1_234_567);
});

Deno.test("writeStamp() wraps numbers at 24 bits and covers the top eighth alone", () => {
  const picture = noisePicture("rgb24", [320, 180]);
  const before = picture.data.slice();
  writeStamp(picture, STAMP_LIMIT + 5);
  assert.equal(readStamp(picture), 5);
  const firstRowBelow = Math.ceil(180 / 8);
  const start = firstRowBelow * 320 * 3;
  assert.deepEqual(picture.data.subarray(start), before.subarray(start));
});

Deno.test("writeStamp() refuses pictures that are too small, and numbers that are none", () => {
  const small = noisePicture("rgb24", [MIN_STAMP_WIDTH - 1, MIN_STAMP_HEIGHT]);
  assert.throws(() => writeStamp(small, 1), /53x48: it takes 54x48/);
  const picture = noisePicture("rgb24", [MIN_STAMP_WIDTH, MIN_STAMP_HEIGHT]);
  for (const number of [-1, 0.5, NaN, Infinity]) {
    assert.throws(() => writeStamp(picture, number), RangeError, String(number));
  }
});

Deno.test("readStamp() finds no stamp where there is none", () => {
  for (const level of [0, 128, 255]) {
    const data = new Uint8Array(pictureBytes("rgb24", 320, 180)).fill(level);
    assert.equal(readStamp({ pixelFormat: "rgb24", data, width: 320, height: 180 }), undefined);
  }
  assert.equal(readStamp(noisePicture("i420", [320, 180])), undefined);
  assert.equal(readStamp(noisePicture("i420", [8, 8])), undefined);
});

Deno.test("readStamp() never reads a wrong number where one cell is inverted or grey", () => {
  const width = 18 * 8;
  const height = 128;
  const random = seededRandom(1);
  const changes = [(value: number) => 255 - value, () => 128];
  for (let round = 0; round < 40; round++) {
    const number = Math.floor(random() * STAMP_LIMIT);
    for (let cell = 0; cell < 36; cell++) {
      for (const change of changes) {
        const data = new Uint8Array(width * height * 3);
        const damaged: Picture = { pixelFormat: "rgb24", data, width, height };
        writeStamp(damaged, number);
        changeCell(damaged, cell, change);
        const read = readStamp(damaged);
        // A grey mark alone does not hide the number; a bit that is in doubt does.
        const harmless = change === changes[1] && (cell % 18 === 0 || cell % 18 === 17);
        assert.equal(read, harmless ? number : undefined, `number ${number}, cell ${cell}`);
      }
    }
  }
});

/** Changes every byte of one cell of a stamp of 8x8 pixels a cell. */
function changeCell(picture: Picture, cell: number, change: (value: number) => number): void {
  const left = cell % 18 * 8;
  const top = Math.floor(cell / 18) * 8;
  for (let y = top; y < top + 8; y++) {
    const start = (y * picture.width + left) * 3;
    for (let at = start; at < start + 24; at++) picture.data[at] = change(picture.data[at]!);
  }
}

const FRAMES = 30;
const WIDTH = 640;
const HEIGHT = 360;

/** Frames whose colours drift down the picture, with stamped numbers. */
function stampedFrames(): { bytes: Uint8Array; numbers: number[] } {
  const size = pictureBytes("i420", WIDTH, HEIGHT);
  const bytes = new Uint8Array(size * FRAMES);
  const random = seededRandom(3);
  const background = convertPicture(smoothPicture([WIDTH, HEIGHT]), "i420");
  const numbers: number[] = [];
  for (let frame = 0; frame < FRAMES; frame++) {
    const data = bytes.subarray(frame * size, (frame + 1) * size);
    const shift = frame * 2 * WIDTH;
    data.set(background.subarray(shift));
    data.set(background.subarray(0, shift), background.length - shift);
    // Far apart numbers flip about half of the cells from frame to frame: the worst case.
    const number = Math.floor(random() * STAMP_LIMIT);
    writeStamp({ pixelFormat: "i420", data, width: WIDTH, height: HEIGHT }, number);
    numbers.push(number);
  }
  return { bytes, numbers };
}

/** What a viewer may do to the stream, and the size that it then has. */
const FILTERS: readonly (readonly [string, number, number])[] = [
  ["scale=320:180", 320, 180],
  ["scale=1280:720", 1280, 720],
  ["scale=463:251", 463, 251],
  ["scale=877:493:flags=neighbor", 877, 493],
  ["hue=s=0", WIDTH, HEIGHT],
  ["negate,scale=320:180", 320, 180],
];

Deno.test("stamps survive H.264 at a low bitrate, scaling and the loss of colour", async () => {
  const { bytes, numbers } = stampedFrames();
  const h264 = await ffmpeg([
    ...["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${WIDTH}x${HEIGHT}`, "-r", "30"],
    ...["-i", "pipe:0", "-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency"],
    ...["-b:v", "150k", "-maxrate", "150k", "-bufsize", "150k", "-f", "h264", "pipe:1"],
  ], bytes);
  for (const [filter, width, height] of FILTERS) {
    const raw = await ffmpeg([
      ...["-f", "h264", "-i", "pipe:0", "-vf", filter, "-fps_mode", "passthrough"],
      ...["-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1"],
    ], h264);
    const size = pictureBytes("i420", width, height);
    const read = Array.from({ length: raw.length / size }, (_, frame) => {
      const data = raw.subarray(frame * size, (frame + 1) * size);
      return readStamp({ pixelFormat: "i420", data, width, height });
    });
    assert.deepEqual(read, numbers, filter);
  }
});

Deno.test("a stamp reads the same after conversion to RGB", () => {
  const picture = noisePicture("i420", [321, 181]);
  writeStamp(picture, 99);
  for (const pixelFormat of ["rgb24", "rgba"] as const) {
    const data = convertPicture(picture, pixelFormat);
    assert.equal(readStamp({ ...picture, pixelFormat, data }), 99);
  }
});

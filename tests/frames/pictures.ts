import assert from "node:assert/strict";
import type { ColorInfo, Picture, PixelFormat } from "../../src/frames/mod.ts";
import { pictureBytes } from "../../src/frames/mod.ts";

/** Every way in which YUV can be meant. */
export const COLORS: readonly ColorInfo[] = [
  { matrix: "bt601", fullRange: false },
  { matrix: "bt601", fullRange: true },
  { matrix: "bt709", fullRange: false },
  { matrix: "bt709", fullRange: true },
];

/** The same, and what only some streams are. */
export const ALL_COLORS: readonly ColorInfo[] = [
  ...COLORS,
  { matrix: "bt2020", fullRange: false },
];

/** Widths and heights that are even, odd and tiny. */
export const SIZES: readonly (readonly [number, number])[] = [
  [16, 8],
  [7, 5],
  [8, 3],
  [5, 6],
  [1, 1],
  [2, 1],
  [1, 4],
];

/** A generator of repeatable numbers from 0 up to 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A picture of noise: every value of every byte is possible. */
export function noisePicture(
  pixelFormat: PixelFormat,
  [width, height]: readonly [number, number],
  color?: ColorInfo,
): Picture {
  const random = seededRandom(width * 1000 + height);
  const data = new Uint8Array(pictureBytes(pixelFormat, width, height));
  for (let at = 0; at < data.length; at++) data[at] = Math.floor(random() * 256);
  return { pixelFormat, data, width, height, ...(color === undefined ? {} : { color }) };
}

/** A picture of soft gradients in RGB, as cameras make them. */
export function smoothPicture([width, height]: readonly [number, number]): Picture {
  const data = new Uint8Array(width * height * 3);
  const wave = (turns: number): number => 127.5 + 120 * Math.sin(turns * 2 * Math.PI);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = wave(x / width);
      data[at++] = wave(y / height + 0.3);
      data[at++] = wave((x + y) / (width + height) + 0.6);
    }
  }
  return { pixelFormat: "rgb24", data, width, height };
}

/** The largest difference between two buffers of one length. */
export function largestError(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((largest, value, at) => Math.max(largest, Math.abs(value - b[at]!)), 0);
}

/** Peak signal-to-noise ratio in decibels; infinite for equal buffers. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  const squares = a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

/** Runs ffmpeg on bytes and returns what it writes; fails the test with its messages. */
export async function ffmpeg(args: readonly string[], input: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("ffmpeg", {
    args: ["-hide_banner", "-loglevel", "error", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const [output] = await Promise.all([
    child.output(),
    writer.write(input).then(() => writer.close()),
  ]);
  assert.ok(output.success, new TextDecoder().decode(output.stderr));
  return output.stdout;
}

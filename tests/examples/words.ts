/**
 * Pictures of words, and where these are.
 *
 * @module
 */

import type { Rect } from "../../src/frames/mod.ts";
import { type FacilityTest, testWithout } from "../facilities.ts";
import { gpuTest } from "../gpu/gpu_case.ts";

/** A word in a picture. */
export interface DrawnWord {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** In pixels. */
  readonly fontSize: number;
}

/** The words of most tests, for a picture of {@linkcode WORDS_SIZE}. */
export const WORDS: readonly DrawnWord[] = [
  { text: "STATION", x: 30, y: 40, fontSize: 48 },
  { text: "Platform 7", x: 60, y: 140, fontSize: 36 },
  { text: "harbour", x: 250, y: 210, fontSize: 40 },
];

/** A size that the detector takes as it is. */
export const WORDS_SIZE = { width: 448, height: 288 };

const FONTS = [
  "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
  "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
  "/usr/share/fonts/truetype/liberation2/LiberationSans-Regular.ttf",
];
const BACKGROUND = "0x305070";

const found = await Promise.all(
  FONTS.map((path) => Deno.stat(path).then(({ isFile }) => isFile, () => false)),
);
const font = FONTS.find((_, index) => found[index]);

/** A test that needs pictures of words; skipped where there is no font. */
export const wordsTest: FacilityTest = font === undefined
  ? testWithout("font", "no DejaVu or Liberation font; install fonts-dejavu-core")
  : (name, run) => Deno.test(name, run);

/** The same for one that also needs a GPU. */
export const gpuWordsTest: FacilityTest = font === undefined ? wordsTest : gpuTest;

/** ffmpeg's arguments for an endless video of words. */
export function wordsInput(
  words: readonly DrawnWord[],
  { width, height }: { readonly width: number; readonly height: number },
): string[] {
  const filters = words.map(({ text, x, y, fontSize }) =>
    `drawtext=fontfile=${font}:text='${text}':x=${x}:y=${y}:fontsize=${fontSize}:fontcolor=white`
  );
  const picture = `color=c=${BACKGROUND}:s=${width}x${height}:r=10`;
  return ["-f", "lavfi", "-i", [picture, ...filters].join(",")];
}

const pictures = new Map<string, Promise<Uint8Array>>();

/** One picture of words, as tightly packed pixels; drawn once. */
export async function wordsPicture(
  words: readonly DrawnWord[],
  options: { width: number; height: number; pixelFormat: "yuv420p" | "rgb24" },
): Promise<Uint8Array> {
  const { pixelFormat } = options;
  const output = ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixelFormat, "-"];
  const args = [...wordsInput(words, options), ...output];
  const key = args.join(" ");
  const picture = pictures.get(key) ?? ffmpeg(...args);
  pictures.set(key, picture);
  return (await picture).slice();
}

/** The smallest rectangle around the dots of a word. */
export async function inkRect(
  word: DrawnWord,
  size: { width: number; height: number },
): Promise<Rect> {
  const pixels = await wordsPicture([word], { ...size, pixelFormat: "rgb24" });
  let [left, right, top, bottom] = [size.width, 0, size.height, 0];
  for (let at = 0; at < pixels.length; at += 3) {
    if (pixels[at]! < 128) continue;
    const [x, y] = [at / 3 % size.width, Math.floor(at / 3 / size.width)];
    [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** What two rectangles have in common, of what both cover. */
export function overlap(a: Rect, b: Rect): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const common = Math.max(0, width) * Math.max(0, height);
  return common / (a.width * a.height + b.width * b.height - common);
}

/** Runs ffmpeg, and gives what it writes. */
export async function ffmpeg(...args: string[]): Promise<Uint8Array> {
  const command = new Deno.Command("ffmpeg", { args: ["-v", "error", ...args] });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`ffmpeg: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/**
 * The test picture: from top to bottom the frame's number for machines (the stamp), colour bars, a
 * band of stripes that moves, and a black panel with the number and time for people. In the panel's
 * right corner a white block flashes in the one frame that begins each second.
 *
 * @module
 */

import {
  BLACK,
  type ColorInfo,
  drawText,
  fillRect,
  formatTime,
  measureText,
  MIN_STAMP_HEIGHT,
  MIN_STAMP_WIDTH,
  type Picture,
  pictureBytes,
  type Rect,
  type Rgb,
  type Size,
  WHITE,
  writeStamp,
  yuvPlanes,
} from "../frames/mod.ts";

/** How the picture's YUV values are meant. */
export const TEST_COLOR: ColorInfo = Object.freeze({ matrix: "bt709", fullRange: false });

/** The smallest width and height of a test picture. */
export const MIN_TEST_SIZE: Size = Object.freeze({
  width: MIN_STAMP_WIDTH,
  height: MIN_STAMP_HEIGHT,
});

/** Which frame of a test stream it is. */
export interface TestFrameTime {
  /** From 0. */
  readonly frameNumber: number;
  /** Frames per second: 30, 30000 / 1001. */
  readonly fps: number;
}

const BARS: readonly Rgb[] = [
  [191, 191, 191],
  [191, 191, 0],
  [0, 191, 191],
  [0, 191, 0],
  [191, 0, 191],
  [191, 0, 0],
  [0, 0, 191],
  [16, 16, 16],
];

/** Pixels that the stripes move a frame: even, so that chroma would move by whole samples. */
const STRIPE_STEP = 4;
/** Brightness from one edge of a stripe to the other. */
const [STRIPE_DARK, STRIPE_BRIGHT] = [40, 220];
/** The characters of a line of text: six digits of number, or hours to milliseconds. */
const SAMPLE_TEXT = "frame 000000\n00:00:00.000";
/** Rounding errors of a frame's time, in frames. */
const EPSILON = 1e-6;

/**
 * Creates an `i420` picture with all that never changes. {@linkcode drawTestFrame} makes a frame of
 * it, again and again. Throws a `RangeError` for a size below {@linkcode MIN_TEST_SIZE}.
 */
export function createTestPicture({ width, height }: Size): Picture {
  if (!(width >= MIN_TEST_SIZE.width && height >= MIN_TEST_SIZE.height)) {
    throw new RangeError(
      `Cannot draw a test picture of ${width}x${height}: ` +
        `it takes ${MIN_TEST_SIZE.width}x${MIN_TEST_SIZE.height}`,
    );
  }
  const data = new Uint8Array(pictureBytes("i420", width, height));
  const picture: Picture = { pixelFormat: "i420", data, width, height, color: TEST_COLOR };
  fillRect(picture, { x: 0, y: 0, width, height }, BLACK);
  const { bars } = layout(picture);
  for (const [index, color] of BARS.entries()) {
    const x = even(width * index / BARS.length);
    const end = even(width * (index + 1) / BARS.length);
    fillRect(picture, { ...bars, x, width: end - x }, color);
  }
  return picture;
}

/**
 * Draws what differs from frame to frame into a picture of {@linkcode createTestPicture}, whichever
 * frame it held before: the same picture for the same number, always. Throws a `RangeError` for a
 * number that is not a whole one from 0.
 */
export function drawTestFrame(picture: Picture, time: TestFrameTime): void {
  const { frameNumber, fps } = time;
  const { stripes, panel } = layout(picture);
  writeStamp(picture, frameNumber);
  drawStripes(picture, stripes, frameNumber);
  fillRect(picture, panel, BLACK);
  const scale = textScale(panel);
  const text = `frame ${String(frameNumber).padStart(6, "0")}\n${formatTime(frameNumber / fps)}`;
  const margin = 2 * scale;
  drawText(picture, text, { x: panel.x + margin, y: panel.y + margin, scale });
  fillRect(picture, flashBlock(picture), isFlashFrame(time) ? WHITE : BLACK);
}

/** Whether a frame is the one that begins a second: the first at or after it. */
export function isFlashFrame({ frameNumber, fps }: TestFrameTime): boolean {
  const second = Math.floor(frameNumber / fps + EPSILON);
  return firstFrameOfSecond(second, fps) === frameNumber;
}

/** The number of the first frame at or after a second. */
export function firstFrameOfSecond(second: number, fps: number): number {
  return Math.max(0, Math.ceil(second * fps - EPSILON));
}

/** Where the white block flashes. */
export function flashBlock(size: Size): Rect {
  const { panel } = layout(size);
  const x = panel.x + panel.width;
  return { x, y: panel.y, width: size.width - x, height: panel.height };
}

/** The parts below the stamp, which takes the top eighth. Even, so that colours do not bleed. */
function layout({ width, height }: Size): { bars: Rect; stripes: Rect; panel: Rect } {
  const [barsTop, stripesTop, panelTop] = [height / 8, height / 2, height * 5 / 8].map(even);
  const part = (top: number, end: number): Rect => ({ x: 0, y: top, width, height: end - top });
  return {
    bars: part(barsTop!, stripesTop!),
    stripes: part(stripesTop!, panelTop!),
    panel: { ...part(panelTop!, height), width: even(width * 3 / 4) },
  };
}

/** The largest text that fits; in tiny pictures it is cut off. */
function textScale(panel: Rect): number {
  const { width, height } = measureText(SAMPLE_TEXT, 1);
  // A margin of two dots on each side.
  return Math.max(1, Math.floor(Math.min(panel.width / (width + 4), panel.height / (height + 4))));
}

/** Stripes from dark to bright. One row is drawn, the others are copies. */
function drawStripes(picture: Picture, band: Rect, frameNumber: number): void {
  const { data, strideBytes } = yuvPlanes(picture).y;
  const period = Math.max(8, even(picture.width / 8));
  const start = band.y * strideBytes;
  const row = data.subarray(start, start + band.width);
  let phase = frameNumber * STRIPE_STEP % period;
  for (let x = 0; x < row.length; x++) {
    row[x] = STRIPE_DARK + (STRIPE_BRIGHT - STRIPE_DARK) * phase / period;
    if (++phase === period) phase = 0;
  }
  for (let y = 1; y < band.height; y++) data.set(row, start + y * strideBytes);
}

function even(value: number): number {
  return 2 * Math.round(value / 2);
}

/** How long a beep lasts. */
export const BEEP_SECONDS = 0.08;
/** The pitch of a beep. */
export const BEEP_HZ = 1000;
/** Loudness of a beep; full scale is 1. */
const AMPLITUDE = 0.5;

/** Which stretch of sound. */
export interface TestToneOptions {
  /** Index of the first sample since frame 0 began. */
  readonly startSample: number;
  /** Samples to make. */
  readonly count: number;
  /** Samples per second. */
  readonly sampleRate: number;
  /** Frames per second of the picture. */
  readonly fps: number;
}

/**
 * One channel of sound: silence, and from the sample at which a flash frame begins a sine that
 * lasts {@linkcode BEEP_SECONDS}.
 */
export function testTone({ startSample, count, sampleRate, fps }: TestToneOptions): Float32Array {
  const samples = new Float32Array(count);
  const beepSamples = Math.round(BEEP_SECONDS * sampleRate);
  // A flash frame begins up to one frame after its second.
  const firstSecond = Math.max(0, Math.floor(startSample / sampleRate) - 1);
  const lastSecond = Math.floor((startSample + count) / sampleRate);
  for (let second = firstSecond; second <= lastSecond; second++) {
    const beepStart = Math.round(firstFrameOfSecond(second, fps) / fps * sampleRate);
    const from = Math.max(0, beepStart - startSample);
    const end = Math.min(count, beepStart + beepSamples - startSample);
    for (let index = from; index < end; index++) {
      const phase = (startSample + index - beepStart) * BEEP_HZ / sampleRate;
      samples[index] = AMPLITUDE * Math.sin(2 * Math.PI * phase);
    }
  }
  return samples;
}

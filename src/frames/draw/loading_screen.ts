/**
 * The picture that a stream shows while there is nothing else to show: a message over a bar.
 *
 * @module
 */

import type { Rect, Rgb } from "../../media/rect.ts";
import type { Overlay, OverlayFill } from "./overlay.ts";
import { measureText } from "./text_rects.ts";

/** What a {@linkcode loadingScreen} says. */
export interface LoadingScreenOptions {
  /** Width of the picture in pixels. */
  readonly width: number;
  /** Height of the picture in pixels. */
  readonly height: number;
  /** The message; `\n` starts a new line, and what is too long for the picture is cut. */
  readonly message: string;
  /** From 0 to 1; other values are clamped. @default unknown: a part of the bar moves to and fro */
  readonly progress?: number | undefined;
  /** When the picture is shown, in seconds: positions of moving parts follow from it. */
  readonly seconds: number;
}

const BACKGROUND: Rgb = [17, 20, 26];
const TRACK: Rgb = [46, 52, 64];
const ACCENT: Rgb = [92, 176, 255];
const TEXT: Rgb = [232, 236, 242];
const DIM_TEXT: Rgb = [138, 147, 161];

/** Sides of the picture that a pixel of the message's font takes: 4 at 512 pixels. */
const TEXT_SCALE = 1 / 128;
/** Share of the picture's width that text may take. */
const TEXT_WIDTH = 0.86;
/** Below this text may take all of the width, in pixels. */
const SMALL_WIDTH = 128;
const MAX_LINES = 3;
/** Lines of a message that is not drawn smaller than half the usual size. */
const MAX_LARGE_LINES = 2;
/** Dots between two lines, beside what the font has between them. */
const LINE_GAP = 2;
/** More characters than any picture holds. */
const MAX_MESSAGE = 400;
/** Share of the picture's width that the bar takes. */
const BAR_WIDTH = 0.5;
/** Share of the bar that moves while the progress is unknown. */
const MOVING_SHARE = 0.3;
/** Seconds of one movement to and fro. */
const MOVING_PERIOD = 2.4;

/**
 * A picture's content that covers all of it. Rectangles lie on even pixels, so that in `i420` their
 * colours end where they do.
 */
export function loadingScreen(options: LoadingScreenOptions): Overlay {
  const { width, height, progress } = options;
  const side = Math.min(width, height);
  const lines = fitLines(options.message.slice(0, MAX_MESSAGE), options);
  const barHeight = even(Math.max(2, side / 64));
  const gap = even(side / 16);
  const percentScale = Math.max(1, Math.round(side / 220));
  const percentHeight = progress === undefined
    ? 0
    : gap / 2 + measureText("0", percentScale).height;
  const textHeight = heightOf(lines);
  const total = textHeight + gap + barHeight + percentHeight;
  const top = even((height - total) / 2);
  const bar = {
    x: even(width * (1 - BAR_WIDTH) / 2),
    y: top + even(textHeight) + gap,
    width: even(width * BAR_WIDTH),
    height: barHeight,
  };
  return [
    fill({ x: 0, y: 0, width, height }, BACKGROUND),
    ...centredLines(lines, { width, y: top, color: TEXT }),
    ...barItems(bar, options),
    ...(progress === undefined ? [] : centredLines(
      { text: `${Math.round(clamp(progress) * 100)}%`, scale: percentScale },
      { width, y: bar.y + barHeight + gap / 2, color: DIM_TEXT },
    )),
  ];
}

interface ScaledText {
  readonly text: string;
  readonly scale: number;
}

/** Breaks a message into lines that fit; a long message is drawn smaller, and cut at the end. */
function fitLines(
  message: string,
  { width, height }: { width: number; height: number },
): ScaledText {
  const most = Math.max(1, Math.round(Math.min(width, height) * TEXT_SCALE));
  for (let scale = most; scale >= 1; scale--) {
    const lines = wrap(message.trim(), columnsOf(width, scale));
    if (lines.length <= (scale * 2 > most ? MAX_LARGE_LINES : MAX_LINES)) {
      return { text: lines.join("\n"), scale };
    }
  }
  const columns = columnsOf(width, 1);
  const lines = wrap(message.trim(), columns).slice(0, MAX_LINES);
  const last = lines.pop() ?? "";
  lines.push(`${last.slice(0, Math.max(0, columns - 3))}...`);
  return { text: lines.join("\n"), scale: 1 };
}

/** How many letters fit a line. */
function columnsOf(width: number, scale: number): number {
  const advance = measureText("00", scale).width - measureText("0", scale).width;
  const share = width < SMALL_WIDTH ? 1 : TEXT_WIDTH;
  return Math.max(1, Math.floor(width * share / advance));
}

function wrap(message: string, columns: number): string[] {
  return message.split("\n").flatMap((paragraph) => {
    const lines: string[] = [];
    let line = "";
    for (const word of paragraph.split(/\s+/)) {
      const longer = line === "" ? word : `${line} ${word}`;
      if (longer.length > columns && line !== "") {
        lines.push(line);
        line = word;
      } else line = longer;
      for (; line.length > columns; line = line.slice(columns)) lines.push(line.slice(0, columns));
    }
    return [...lines, line];
  });
}

function lineAdvance(scale: number): number {
  return measureText("0\n0", scale).height - measureText("0", scale).height + LINE_GAP * scale;
}

function heightOf({ text, scale }: ScaledText): number {
  if (text === "") return 0;
  const gaps = text.split("\n").length - 1;
  return gaps * lineAdvance(scale) + measureText("0", scale).height;
}

function centredLines(
  { text, scale }: ScaledText,
  { width, y, color }: { width: number; y: number; color: Rgb },
): Overlay {
  return text.split("\n").map((line, index) => ({
    kind: "text",
    text: line,
    x: even((width - measureText(line, scale).width) / 2),
    y: y + index * lineAdvance(scale),
    scale,
    color,
  }));
}

function barItems(bar: Rect, { progress, seconds }: LoadingScreenOptions): OverlayFill[] {
  const track = pill(bar, TRACK);
  if (progress !== undefined) {
    const width = even(bar.width * clamp(progress));
    return width === 0 ? track : [...track, ...pill({ ...bar, width }, ACCENT)];
  }
  const width = even(Math.max(bar.height, bar.width * MOVING_SHARE));
  // Slows down at the ends, as something that turns around does.
  const place = (1 - Math.cos(2 * Math.PI * seconds / MOVING_PERIOD)) / 2;
  return [
    ...track,
    ...pill({ ...bar, width, x: bar.x + even((bar.width - width) * place) }, ACCENT),
  ];
}

/** A rectangle without its corners. */
function pill(rect: Rect, color: Rgb): OverlayFill[] {
  const { x, y, width, height } = rect;
  const cut = 2 * Math.floor(height / 12);
  if (cut === 0 || width <= 2 * cut) return [fill(rect, color)];
  return [
    fill({ x: x + cut, y, width: width - 2 * cut, height }, color),
    fill({ x, y: y + cut, width, height: height - 2 * cut }, color),
  ];
}

function fill(rect: Rect, color: Rgb): OverlayFill {
  return { kind: "fill", ...rect, color };
}

function even(value: number): number {
  return 2 * Math.round(value / 2);
}

function clamp(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

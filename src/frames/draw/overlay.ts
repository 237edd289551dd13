/**
 * What is drawn over a frame, as plain data: boxes with labels, filled areas, text, progress bars.
 * All of it comes down to rectangles of one colour, which the CPU and the GPU draw alike.
 *
 * @module
 */

import {
  BLACK,
  type FilledRect,
  type Rect,
  type Rgb,
  type Rgba,
  toRgba,
  WHITE,
} from "../../media/rect.ts";
import { BACKGROUND_MARGIN, type DrawTextOptions, measureText, textRects } from "./text_rects.ts";
import { drawRects } from "../../gpu/mod.ts";
import { fillRects } from "./draw.ts";
import type { VideoFrame } from "../video/video_frame.ts";

/** A colour, 0–255 each; a fourth number is alpha, 255 where it is missing. */
export type OverlayColor = Rgb | Rgba;

/** The frame of a rectangle, such as what a detector found. */
export interface OverlayBox extends Rect {
  /** Tells the items apart. */
  readonly kind: "box";
  /** Colour of the lines, and of the label's background. */
  readonly color: OverlayColor;
  /** Width of the lines, which are inside of the rectangle, in pixels. @default 2 */
  readonly lineWidth?: number;
  /** Text above the box, or inside its top edge when there is no room above. @default none */
  readonly label?: string;
  /** Pixels a dot of the label's font takes. @default 2 */
  readonly labelScale?: number;
}

/** A filled rectangle. */
export interface OverlayFill extends Rect {
  /** Tells the items apart. */
  readonly kind: "fill";
  /** Its colour. */
  readonly color: OverlayColor;
}

/** Text in the built-in font; `\n` starts a new line. */
export interface OverlayText extends DrawTextOptions {
  /** Tells the items apart. */
  readonly kind: "text";
  /** The text. */
  readonly text: string;
}

/** A bar that fills from left to right. */
export interface OverlayProgress extends Rect {
  /** Tells the items apart. */
  readonly kind: "progress";
  /** From 0 (empty) to 1 (full); other values are clamped. */
  readonly value: number;
  /** Colour of what is full. @default WHITE */
  readonly color?: OverlayColor;
  /** Colour of the whole bar, below. @default black, two thirds opaque */
  readonly background?: OverlayColor;
}

/** One thing that is drawn. */
export type OverlayItem = OverlayBox | OverlayFill | OverlayText | OverlayProgress;

/** What is drawn, from bottom to top. */
export type Overlay = readonly OverlayItem[];

const KINDS: ReadonlySet<string> = new Set<OverlayItem["kind"]>([
  "box",
  "fill",
  "text",
  "progress",
]);

/** Colours brighter than this have dark text on them; of 255. */
const BRIGHT = 140;

/** Where a progress bar is not full yet. */
const BAR_BACKGROUND: Rgba = [0, 0, 0, 170];

/**
 * The rectangles of an overlay, in the order in which they are drawn. Throws a `TypeError` for an
 * item of unknown kind or an invalid colour, a `RangeError` for an invalid place, size or scale.
 */
export function overlayRects(overlay: Overlay): FilledRect[] {
  return overlay.flatMap(itemRects);
}

function itemRects(item: OverlayItem): FilledRect[] {
  if (KINDS.has(item.kind)) checkItem(item);
  switch (item.kind) {
    case "box":
      return boxRects(item);
    case "fill":
      return [filled(item, item.color)];
    case "text":
      return textRects(item.text, item);
    case "progress":
      return progressRects(item);
    default: {
      const other: never = item;
      throw new TypeError(
        `Cannot draw ${JSON.stringify(other)} over a frame: ` +
          'use an item of kind "box", "fill", "text" or "progress"',
      );
    }
  }
}

/** Four lines that do not lie on top of one another, so that translucent corners are no darker. */
function boxRects(box: OverlayBox): FilledRect[] {
  const { color, label, lineWidth = 2, labelScale = 2 } = box;
  const [left, top] = [Math.round(box.x), Math.round(box.y)];
  const width = Math.round(box.x + box.width) - left;
  const height = Math.round(box.y + box.height) - top;
  const line = Math.max(1, Math.round(lineWidth));
  const sides = height - 2 * line;
  const rects = width <= 2 * line || sides <= 0
    ? [filled({ x: left, y: top, width, height }, color)]
    : [
      filled({ x: left, y: top, width, height: line }, color),
      filled({ x: left, y: top + line, width: line, height: sides }, color),
      filled({ x: left + width - line, y: top + line, width: line, height: sides }, color),
      filled({ x: left, y: top + height - line, width, height: line }, color),
    ];
  if (label === undefined || label === "") return rects;
  return [...rects, ...labelRects(label, { left, top, scale: labelScale, color })];
}

function labelRects(
  label: string,
  place: { left: number; top: number; scale: number; color: OverlayColor },
): FilledRect[] {
  const { left, top, scale, color } = place;
  const margin = BACKGROUND_MARGIN * scale;
  const height = measureText(label, scale).height + 2 * margin;
  const y = top - height < 0 ? top : top - height;
  return textRects(label, {
    x: left + margin,
    y: y + margin,
    scale,
    color: isBright(color) ? BLACK : WHITE,
    background: color,
  });
}

function isBright([red, green, blue]: OverlayColor): boolean {
  return 0.299 * red + 0.587 * green + 0.114 * blue > BRIGHT;
}

function progressRects(item: OverlayProgress): FilledRect[] {
  const { x, y, width, height, color = WHITE, background = BAR_BACKGROUND } = item;
  const value = Math.min(Math.max(item.value, 0), 1);
  return [
    filled({ x, y, width, height }, background),
    filled({ x, y, width: width * value, height }, color),
  ];
}

function filled({ x, y, width, height }: Rect, color: OverlayColor): FilledRect {
  return { x, y, width, height, color: toRgba(color) };
}

/**
 * Overlays come from models and JSON: values that are not numbers would draw nothing, or
 * anything.
 */
function checkItem(item: OverlayItem): void {
  const place = item.kind === "text" ? ["x", "y"] : ["x", "y", "width", "height"];
  const values: Readonly<Record<string, unknown>> = { ...item };
  const numbers = Object.keys(values).filter((name) => typeof values[name] === "number");
  for (const name of new Set([...place, ...numbers])) {
    if (Number.isFinite(values[name])) continue;
    throw new RangeError(
      `Cannot draw a ${item.kind} over a frame: its ${name} is ${
        values[name]
      }; use a finite number`,
    );
  }
  for (const name of ["color", "background", "outline"]) {
    if (values[name] !== undefined) checkColor(item.kind, name, values[name]);
  }
}

function checkColor(kind: string, name: string, color: unknown): void {
  const isByte = (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
  if (Array.isArray(color) && (color.length === 3 || color.length === 4) && color.every(isByte)) {
    return;
  }
  throw new TypeError(
    `Cannot draw a ${kind} of ${name} ${JSON.stringify(color)}: ` +
      "use [red, green, blue] or [red, green, blue, alpha], whole numbers from 0 to 255",
  );
}

/**
 * Draws an overlay and gives the frame that shows it. In CPU memory that is the frame itself, drawn
 * on in place. On the GPU it is a new one, `rgba`, with this frame's time and metadata: other
 * frames may share the pixels of this one, which stays as it is and is still to be closed.
 *
 * Throws what {@linkcode overlayRects} does, a `TypeError` on a closed frame, and a `GpuError` when
 * the frame's device is lost or out of memory; nothing is drawn then.
 *
 * ```ts
 * import { drawOverlay } from "./overlay.ts";
 * import type { VideoFrame } from "../video/video_frame.ts";
 *
 * function mark(frame: VideoFrame): VideoFrame {
 *   return drawOverlay(frame, [
 *     { kind: "box", x: 40, y: 30, width: 120, height: 80, color: [0, 255, 0], label: "cat 97%" },
 *     { kind: "text", text: "live", x: 8, y: 8, background: [0, 0, 0, 128] },
 *   ]);
 * }
 * ```
 */
export function drawOverlay(frame: VideoFrame, overlay: Overlay): VideoFrame {
  const rects = overlayRects(overlay);
  if (frame.location === "cpu") {
    const { pixelFormat, data, width, height, color } = frame;
    fillRects({ pixelFormat, data, width, height, color }, rects);
    return frame;
  }
  if (rects.length === 0) return frame.share();
  const drawn = frame.convert("rgba");
  try {
    drawRects(drawn.gpu, drawn.gpuPicture, rects);
    return drawn;
  } catch (error) {
    drawn.close();
    throw error;
  }
}

/**
 * Where a frame lies in the input of a model, and where in its output.
 *
 * @module
 */

import { fitMapping, type ImageToTensorOptions, type Rect, type Size } from "../../gpu/mod.ts";
import type { ImageInput, ImageOutput } from "./find_tensors.ts";

/** A frame in the input of a model. */
export interface Placement {
  /** Size of the input, in pixels. */
  readonly size: Size;
  /** The part of the frame that the model gets, in pixels of the frame. */
  readonly crop: Rect;
  /** Where it lies in the input, in pixels of the input. */
  readonly inner: Rect;
}

/** The picture in an output, and the size at which it is published. */
export interface OutputPicture {
  /** What is the frame in the output, without bars, in pixels of the output. */
  readonly crop: Rect;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/**
 * Places a frame in the input. A side that the model leaves open is the frame's, or in proportion to the
 * other side when that is set.
 */
export function placeFrame(input: ImageInput, frame: Size): Placement {
  const { width, height, multipleOf } = input;
  const openSide = (own: number, other: number, otherSet: number | undefined): number =>
    roundUp(Math.max(1, Math.round(own * (otherSet ?? other) / other)), multipleOf);
  const size = {
    width: width ?? openSide(frame.width, frame.height, height),
    height: height ?? openSide(frame.height, frame.width, width),
  };
  const { crop, inner } = fitMapping(frame, size, input.fit);
  return { size, crop, inner };
}

/** How a frame becomes the tensor of the input. */
export function inputTensorOptions(input: ImageInput, { size }: Placement): ImageToTensorOptions {
  const { spec, fit, background } = input;
  return { ...spec, ...size, fit, background };
}

/**
 * The part of an output of `tensor` pixels that shows the frame. In an output of twice the input's size
 * all coordinates are doubled. Without a placement, the whole output is the frame.
 */
export function outputPicture(
  output: Pick<ImageOutput, "size">,
  { tensor, frame, placement }: {
    readonly tensor: Size;
    readonly frame: Size;
    readonly placement: Placement | undefined;
  },
): OutputPicture {
  const crop = placement === undefined
    ? { x: 0, y: 0, width: tensor.width, height: tensor.height }
    : scaleRect(placement.inner, { from: placement.size, to: tensor });
  const size = output.size ?? (isUnscaled(placement) ? "model" : "frame");
  if (size === "model") return { crop, width: crop.width, height: crop.height };
  // A cover fit has cut parts off: stretching the rest over the frame would distort it.
  const { width, height } = placement?.crop ?? frame;
  return { crop, width: Math.round(width), height: Math.round(height) };
}

/** Whether the input holds all pixels of the frame, unscaled. */
function isUnscaled(placement: Placement | undefined): boolean {
  if (placement === undefined) return true;
  const { crop, inner } = placement;
  return crop.width === inner.width && crop.height === inner.height;
}

/** The rectangle in another picture, on whole pixels and within it; at least one pixel. */
function scaleRect(
  rect: Rect,
  { from, to }: { readonly from: Size; readonly to: Size },
): Rect {
  const [x, width] = scaleSpan([rect.x, rect.width], to.width / from.width, to.width);
  const [y, height] = scaleSpan([rect.y, rect.height], to.height / from.height, to.height);
  return { x, y, width, height };
}

function scaleSpan(
  [start, length]: readonly [number, number],
  scale: number,
  end: number,
): [number, number] {
  const first = Math.min(Math.round(start * scale), end - 1);
  const last = Math.min(Math.round((start + length) * scale), end);
  return [first, Math.max(last - first, 1)];
}

function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

/**
 * What a user may say of how pictures go into a model and come out of it.
 *
 * @module
 */

import type { Fit, TensorRange, TensorSpec } from "../../gpu/mod.ts";

/** How frames become the image input of a model. What is left out is read from the model. */
export interface ImageInputOptions extends TensorSpec {
  /** Name of the input. @default the only one that takes a picture */
  readonly name?: string;
  /**
   * Width in pixels, where the model leaves it open. @default the frame's, or in proportion to
   * `height`
   */
  readonly width?: number;
  /**
   * Height in pixels, where the model leaves it open. @default the frame's, or in proportion to
   * `width`
   */
  readonly height?: number;
  /**
   * Sizes taken from the frame are rounded up to a multiple of this; what is added is cut off
   * again.
   * @default 1
   */
  readonly multipleOf?: number;
  /**
   * How a frame fills another size. Of a `"letterbox"`, the bars are cut off the result; a
   * `"cover"` loses what does not fit.
   * @default "letterbox"; "pad" where the size is the frame's, rounded up
   */
  readonly fit?: Fit;
  /** Color of the bars, RGB 0–255. @default [0, 0, 0] */
  readonly background?: readonly [number, number, number];
}

/** How the image output of a model becomes frames. What is left out is read from the model. */
export interface ImageOutputOptions extends Omit<TensorSpec, "range"> {
  /** Name of the output. @default the only one that holds a picture */
  readonly name?: string;
  /** Order of the colours. @default the input's */
  readonly channelOrder?: "rgb" | "bgr";
  /**
   * Which numbers are black and white. `"minmax"`: the least and the greatest of each frame, as for
   * depth, which has no unit.
   * @default the input's, where that is a named one and the output has colours; else "0-1"
   */
  readonly range?: TensorRange | "minmax";
  /**
   * `"model"`: frames have the size of the model's output. `"frame"`: they are scaled to the size of the
   * input frames.
   * @default "model" where frames go into the model as large as they are, so that super resolution
   * doubles them; else "frame"
   */
  readonly size?: "model" | "frame";
}

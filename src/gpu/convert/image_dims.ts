/**
 * Dimensions of tensors, read as those of one picture.
 *
 * @module
 */

import { isPictureSide } from "../../media/picture.ts";
import type { Size } from "../../media/rect.ts";
import { isInterleaved, type TensorLayout, type TensorSpec } from "./tensor_spec.ts";

/** How many numbers a pixel has: grey, RGB or RGBA. */
export type Channels = NonNullable<TensorSpec["channels"]>;

/** A size; a name or `undefined` where it is dynamic. */
export type Dim = number | string | undefined;

/** The dimensions of a tensor that holds one picture. */
export interface ImageDims {
  /** Where the channels are. */
  readonly layout: TensorLayout;
  /** Numbers of a pixel. */
  readonly channels: Channels;
  /** In pixels; `undefined` where it is dynamic. */
  readonly width: number | undefined;
  /** In pixels; `undefined` where it is dynamic. */
  readonly height: number | undefined;
}

/** What the user says of a tensor where its dimensions do not. */
export type DimsHints = Pick<TensorSpec, "layout" | "channels">;

/** The tensors that hold a picture, for errors. */
export const IMAGE_SHAPES = "[H,W,C], [1,H,W,C], [C,H,W] or [1,C,H,W] with C = 1, 3 or 4";

/**
 * Reads dimensions as those of one picture: `[H,W,C]`, `[1,H,W,C]`, `[C,H,W]` or `[1,C,H,W]` with C =
 * 1, 3 or 4, where any may be dynamic; a dynamic C needs `hints.channels`. A hint decides which end
 * holds the channels. Without a hint, the end that is 1, 3 or 4 holds them. Where both ends are, as in
 * `[3,480,3]`, the channels are last; where neither is known, they are first. Of `hints.layout` only
 * that order counts. `undefined` where the dimensions are no picture, or say too little.
 */
export function parseImageDims(
  dims: readonly Dim[],
  hints: DimsHints = {},
): ImageDims | undefined {
  const batch = dims.length === 4 ? dims[0] : 1;
  if (dims.length < 3 || dims.length > 4 || (typeof batch === "number" && batch !== 1)) {
    return undefined;
  }
  const [a, b, c] = dims.slice(-3);
  const last = { order: "hwc", height: a, width: b, channels: c } as const;
  const first = { order: "chw", channels: a, height: b, width: c } as const;
  const wanted = hints.layout === undefined
    ? [last, first]
    : [isInterleaved(hints.layout) ? last : first];
  // A size of 3 says more than one that may be anything: [1,height,width,3] is NHWC.
  const known = wanted.filter(({ channels }) => isChannels(channels));
  for (const place of known.length > 0 ? known : wanted.toReversed()) {
    const { order, width, height } = place;
    const channels = typeof place.channels === "number" ? place.channels : hints.channels;
    if (!isChannels(channels) || channels !== (hints.channels ?? channels)) continue;
    if (!isSide(width) || !isSide(height)) continue;
    const layout = dims.length === 4 ? `n${order}` as const : order;
    return { layout, channels, width: numberOf(width), height: numberOf(height) };
  }
  return undefined;
}

/**
 * The same of a tensor that is there: all its sizes are known. Throws a `TypeError` that names what
 * it got, in the words of `what`, and what is accepted.
 */
export function imageDimsOf(
  what: string,
  dims: readonly number[],
  hints: DimsHints = {},
): ImageDims & Size {
  const found = parseImageDims(dims, hints);
  if (found?.width !== undefined && found.height !== undefined) {
    return { ...found, width: found.width, height: found.height };
  }
  const { layout, channels } = hints;
  throw notAnImage(
    what,
    layout === undefined && channels === undefined
      ? ""
      : `, in layout ${layout ?? "any"} with ${channels ?? "1, 3 or 4"} channels`,
  );
}

/** A `TypeError` that says what tensors are accepted; `more` narrows them down. */
export function notAnImage(what: string, more = ""): TypeError {
  return new TypeError(
    `Cannot make a picture of ${what}: accepted are uint8 (0-255), float32 and float16 tensors ` +
      `of shape ${IMAGE_SHAPES}${more}`,
  );
}

function isChannels(dim: Dim): dim is Channels {
  return dim === 1 || dim === 3 || dim === 4;
}

function isSide(dim: Dim): boolean {
  return typeof dim !== "number" || isPictureSide(dim);
}

function numberOf(dim: Dim): number | undefined {
  return typeof dim === "number" ? dim : undefined;
}

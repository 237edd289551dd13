/**
 * Dimensions of tensors, read as pictures.
 *
 * @module
 */

import type { TensorLayout, TensorSpec } from "../../gpu/mod.ts";
import { MAX_PICTURE_SIDE } from "../../media/picture.ts";

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

/** The places of the dimensions in a layout. */
interface Places {
  readonly layout: TensorLayout;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** By the number of dimensions; where both layouts would fit, the first, as most models have it. */
const LAYOUTS: Readonly<Record<number, readonly Places[]>> = {
  3: [
    { layout: "chw", channels: 0, height: 1, width: 2 },
    { layout: "hwc", height: 0, width: 1, channels: 2 },
  ],
  4: [
    { layout: "nchw", channels: 1, height: 2, width: 3 },
    { layout: "nhwc", height: 1, width: 2, channels: 3 },
  ],
};

/**
 * Reads dimensions as those of one picture: `[1,C,H,W]`, `[1,H,W,C]`, `[C,H,W]` or `[H,W,C]` with C
 * = 1, 3 or 4, where any may be dynamic; a dynamic C needs `hints.channels`. `undefined` where they
 * are no picture, or say too little.
 */
export function parseImageDims(
  dims: readonly Dim[],
  hints: DimsHints = {},
): ImageDims | undefined {
  const [batch] = dims;
  if (dims.length === 4 && typeof batch === "number" && batch !== 1) return undefined;
  const possible = (LAYOUTS[dims.length] ?? [])
    .filter(({ layout }) => hints.layout === undefined || layout === hints.layout);
  // A size of 3 says more than one that may be anything: [1,height,width,3] is NHWC.
  const certain = possible.filter(({ channels }) => isChannels(dims[channels]));
  const places = (certain.length > 0 ? certain : possible).find((at) => fits(dims, at, hints));
  if (places === undefined) return undefined;
  const channels = dims[places.channels];
  return {
    layout: places.layout,
    channels: isChannels(channels) ? channels : hints.channels!,
    width: numberOf(dims[places.width]),
    height: numberOf(dims[places.height]),
  };
}

function fits(dims: readonly Dim[], places: Places, hints: DimsHints): boolean {
  const channels = dims[places.channels];
  if (typeof channels === "number") {
    if (!isChannels(channels)) return false;
    if (hints.channels !== undefined && channels !== hints.channels) return false;
  } else if (hints.channels === undefined) return false;
  return isSide(dims[places.width]) && isSide(dims[places.height]);
}

function isChannels(dim: Dim): dim is Channels {
  return dim === 1 || dim === 3 || dim === 4;
}

function isSide(dim: Dim): boolean {
  return typeof dim !== "number" || (Number.isInteger(dim) && dim >= 1 && dim <= MAX_PICTURE_SIDE);
}

function numberOf(dim: Dim): number | undefined {
  return typeof dim === "number" ? dim : undefined;
}

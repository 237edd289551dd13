/**
 * Finds how pictures go into a model and come out of it, from its metadata and what the user says.
 *
 * @module
 */

import type { ModelError } from "../../base/errors.ts";
import {
  type DimsHints,
  type Fit,
  type ImageDims,
  isTensorDtype,
  parseImageDims,
  resolveTensorSpec,
  type TensorDtype,
  type TensorRange,
  type TensorSpec,
} from "../../gpu/mod.ts";
import type { ImageInputOptions, ImageOutputOptions } from "./options.ts";
import type { ModelTensorInfo } from "../runtime/tensor_info.ts";
import {
  chooseTensor,
  type ModelInfo,
  refusal,
  type TensorSearch,
  tensorsOf,
} from "./tensor_search.ts";

/** The image input of a model, with every default applied. */
export interface ImageInput {
  /** Name of the input. */
  readonly name: string;
  /** The numbers that it takes. */
  readonly spec: Required<TensorSpec>;
  /** Width in pixels; `undefined` is the frame's. */
  readonly width: number | undefined;
  /** Height in pixels; `undefined` is the frame's. */
  readonly height: number | undefined;
  /** Sizes of the frame are rounded up to a multiple of this. */
  readonly multipleOf: number;
  /** How a frame fills the input. */
  readonly fit: Fit;
  /** Color of the bars, RGB 0–255. */
  readonly background: readonly [number, number, number];
}

/** The image output of a model. */
export interface ImageOutput {
  /** Name of the output. */
  readonly name: string;
  /** What is known of its dimensions before a run. */
  readonly hints: DimsHints;
  /** Order of the colours, if the user said it. */
  readonly channelOrder: "rgb" | "bgr" | undefined;
  /** Which numbers are black and white, if the user said it. */
  readonly range: TensorRange | "minmax" | undefined;
  /** Size of the frames, if the user said it. */
  readonly size: "model" | "frame" | undefined;
}

/**
 * Finds the input of a model that takes a picture. Throws a {@linkcode ModelError}: `MODEL_INPUT`
 * where an option is missing or does not fit the model, `MODEL_UNSUPPORTED` where no input takes a
 * picture; and a `TypeError` or `RangeError` for options that no model takes.
 */
export function findImageInput(model: ModelInfo, options: ImageInputOptions = {}): ImageInput {
  const search: TensorSearch = { model, kind: "input", options };
  const info = findTensor(search, (tensor) => imageDims(tensor, options) !== undefined);
  const image = imageDims(info, options);
  if (image === undefined) throw notAPicture(search, info);
  const dtype = dtypeOf(search, info);
  const spec = {
    layout: image.layout,
    channels: image.channels,
    dtype,
    channelOrder: options.channelOrder ?? "rgb",
    range: options.range ?? (dtype === "uint8" ? "0-255" : "0-1"),
  } as const;
  resolveTensorSpec(spec); // Throws now what would fail on every frame.
  const width = side(search, { name: "width", found: image.width, wanted: options.width });
  const height = side(search, { name: "height", found: image.height, wanted: options.height });
  return {
    name: info.name,
    spec,
    width,
    height,
    multipleOf: multiple(options.multipleOf ?? 1),
    fit: options.fit ?? (width === undefined && height === undefined ? "pad" : "letterbox"),
    background: options.background ?? [0, 0, 0],
  };
}

/**
 * Finds the output of a model that holds a picture; `input` is its image input, if it has one.
 * Throws as {@linkcode findImageInput} does.
 */
export function findImageOutput(
  model: ModelInfo,
  options: ImageOutputOptions = {},
  input?: ImageInput,
): ImageOutput {
  const search: TensorSearch = { model, kind: "output", options };
  const info = findTensor(search, (tensor) => mayHoldPicture(tensor, { hints: options, input }));
  const dtype = dtypeOf(search, info);
  if (options.range !== undefined && options.range !== "minmax") {
    resolveTensorSpec({ dtype, channels: options.channels ?? 1, range: options.range });
  }
  const image = imageDims(info, options);
  if (image === undefined && !isOpen(info, options)) throw notAPicture(search, info);
  return {
    name: info.name,
    hints: image === undefined
      ? hintsOf(options)
      : { layout: image.layout, channels: image.channels },
    channelOrder: options.channelOrder,
    range: options.range,
    size: options.size,
  };
}

/**
 * By how much the sides of an output may differ in scale: a model may round them to its own steps.
 */
const MAX_STRETCH = 1.25;

/** The tensor that is the picture. */
function findTensor(
  search: TensorSearch,
  willDo: (tensor: ModelTensorInfo) => boolean,
): ModelTensorInfo {
  const found = chooseTensor(search, willDo);
  if (found === undefined) throw noPicture(search);
  return found;
}

/** The dimensions as those of a picture of numbers that a picture may have. */
function imageDims(tensor: ModelTensorInfo, hints: DimsHints): ImageDims | undefined {
  return isTensorDtype(tensor.type) ? parseImageDims(tensor.dims, hintsOf(hints)) : undefined;
}

/** Whether an output is a picture, or may turn out to be one. */
function mayHoldPicture(
  tensor: ModelTensorInfo,
  { hints, input }: { readonly hints: DimsHints; readonly input: ImageInput | undefined },
): boolean {
  const image = imageDims(tensor, hints);
  if (image === undefined) return isOpen(tensor, hints);
  const { width = input?.width, height = input?.height } = image;
  if (input?.width === undefined || input.height === undefined) return true;
  if (width === undefined || height === undefined) return true;
  // The boxes of a detector, [1,84,8400], look like a grey picture, except for their proportions.
  const stretch = (width * input.height) / (height * input.width);
  return stretch > 1 / MAX_STRETCH && stretch < MAX_STRETCH;
}

/**
 * Whether only a run will show the dimensions of an output. onnxruntime reports an unknown number of
 * dimensions as an empty list.
 */
function isOpen({ type, dims }: ModelTensorInfo, hints: DimsHints): boolean {
  if (!isTensorDtype(type)) return false;
  return dims.length === 0 ||
    parseImageDims(dims, { channels: 3, ...hintsOf(hints) }) !== undefined;
}

function dtypeOf(search: TensorSearch, { name, type }: ModelTensorInfo): TensorDtype {
  const { kind, options } = search;
  if (!isTensorDtype(type)) {
    throw refusal(search, {
      code: "MODEL_UNSUPPORTED",
      found: `its ${kind} "${name}" is of ${type}`,
      advice: "a picture is of uint8, float32 or float16",
    });
  }
  if (options.dtype !== undefined && options.dtype !== type) {
    throw refusal(search, {
      code: "MODEL_INPUT",
      found: `${kind}.dtype is ${options.dtype}, and its ${kind} "${name}" is of ${type}`,
      advice: `leave ${kind}.dtype out`,
    });
  }
  return type;
}

interface Side {
  readonly name: "width" | "height";
  readonly found: number | undefined;
  readonly wanted: number | undefined;
}

function side(search: TensorSearch, { name, found, wanted }: Side): number | undefined {
  if (wanted === undefined) return found;
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new RangeError(`Cannot use an input ${name} of ${wanted}: give a whole number from 1`);
  }
  if (found === undefined || found === wanted) return wanted;
  throw refusal(search, {
    code: "MODEL_INPUT",
    found: `input.${name} is ${wanted}, and the model takes ${found} only`,
    advice: `leave input.${name} out`,
  });
}

function multiple(of: number): number {
  if (Number.isInteger(of) && of >= 1) return of;
  throw new RangeError(`Cannot round sizes up to a multiple of ${of}: give a whole number from 1`);
}

function noPicture(search: TensorSearch): ModelError {
  const { kind, options } = search;
  const open = tensorsOf(search).some((info) => info.dims.length > 0 && isOpen(info, options));
  if (options.channels === undefined && open) {
    return refusal(search, {
      code: "MODEL_INPUT",
      found: "its metadata does not say how many channels a picture has",
      advice: `set ${kind}.channels to 1, 3 or 4, and ${kind}.layout to "nchw" or "nhwc"`,
    });
  }
  return refusal(search, {
    code: "MODEL_UNSUPPORTED",
    found: `none of its ${kind}s is a picture`,
    advice: "a picture is uint8, float32 or float16 [1,C,H,W], [1,H,W,C], [C,H,W] or [H,W,C] " +
      "with C = 1, 3 or 4; for another model extend OnnxProcessor and override " +
      (kind === "input" ? "preprocess()" : "postprocess()"),
  });
}

function notAPicture(search: TensorSearch, { name }: ModelTensorInfo): ModelError {
  const { kind } = search;
  return refusal(search, {
    code: "MODEL_INPUT",
    found: `its ${kind} "${name}" is no picture as it stands`,
    advice: `set ${kind}.channels and ${kind}.layout, or name another ${kind}`,
  });
}

/** Only the fields of hints, without those that are not set. */
function hintsOf({ layout, channels }: DimsHints): DimsHints {
  return {
    ...(layout === undefined ? {} : { layout }),
    ...(channels === undefined ? {} : { channels }),
  };
}

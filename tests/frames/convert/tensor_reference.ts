/**
 * Pictures and tensors by the definitions alone: 64-bit floats, one pixel after the other, nothing
 * shared with what is tested but the conversion between pixel formats, which has tests of its own.
 *
 * @module
 */

import type { Tensor } from "onnxruntime-common";
import { convertPicture, type Picture, type PixelFormat } from "../../../src/frames/mod.ts";
import type {
  Fit,
  ImageFromTensorOptions,
  ImageToTensorOptions,
  Rect,
  TensorRange,
  TensorSpec,
} from "../../../src/gpu/mod.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One pixel: red, green, blue and alpha, 0-255. */
type Pixel = readonly number[];
type PixelAt = (x: number, y: number) => Pixel;

const RED_AND_BLUE = {
  bt601: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020: [0.2627, 0.0593],
} as const;

/** The numbers of a picture's tensor in its order, before they become of its type. */
export function referenceNumbers(picture: Picture, options: ImageToTensorOptions): number[] {
  const { layout = "nchw", dtype = "float32", channels = 3, channelOrder = "rgb" } = options;
  const range = options.range ?? (dtype === "uint8" ? "0-255" : "0-1");
  const crop = options.crop ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  const { width = Math.round(crop.width), height = Math.round(crop.height) } = options;
  const placed = placePixels(pixelsOf(picture), picture, {
    crop,
    target: { width, height },
    fit: options.fit ?? "stretch",
    background: [...(options.background ?? [0, 0, 0]), 255],
  });
  const [red, blue] = RED_AND_BLUE[picture.color?.matrix ?? "bt601"];
  const numberAt = (x: number, y: number, channel: number): number => {
    const [r, g, b, a] = placed(x, y) as [number, number, number, number];
    const rgba = channelOrder === "bgr" ? [b, g, r, a] : [r, g, b, a];
    const pixel = channels === 1 ? red * r + (1 - red - blue) * g + blue * b : rgba[channel]!;
    return toNumber(pixel, range, channel);
  };
  return inOrder(layout, { width, height, channels }, numberAt);
}

/** The bytes of the picture in a tensor's numbers. */
export function referencePicture(
  numbers: ArrayLike<number>,
  options:
    & ImageFromTensorOptions
    & Required<Pick<TensorSpec, "layout" | "channels" | "range">>
    & { readonly pixelFormat: PixelFormat }
    & { readonly from: Size },
): Uint8Array {
  const { from, layout, channels, range, pixelFormat, color } = options;
  const numberAt = (x: number, y: number, channel: number): number => {
    const pixel = y * from.width + x;
    const together = layout === "nhwc" || layout === "hwc";
    return numbers[
      together ? pixel * channels + channel : channel * from.width * from.height + pixel
    ]!;
  };
  const pixelAt: PixelAt = (x, y) => {
    const all = Array.from({ length: channels }, (_, channel) => {
      const pixel = toPixel(numberAt(x, y, channel), range, channel);
      return Number.isNaN(pixel) ? 0 : Math.min(255, Math.max(0, pixel));
    });
    if (channels === 1) return [all[0]!, all[0]!, all[0]!, 255];
    const [r, g, b] = options.channelOrder === "bgr" ? [all[2], all[1], all[0]] : all;
    return [r!, g!, b!, all[3] ?? 255];
  };
  const crop = options.crop ?? { x: 0, y: 0, ...from };
  const { width = Math.round(crop.width), height = Math.round(crop.height) } = options;
  const target = { width, height };
  const placed = placePixels(pixelAt, from, { crop, target, fit: "stretch", background: [] });
  const data = Uint8Array.from(
    inOrder("hwc", { width, height, channels: 4 }, (x, y, c) => Math.floor(placed(x, y)[c]! + 0.5)),
  );
  return convertPicture(
    { pixelFormat: "rgba", data, width, height, ...(color && { color }) },
    pixelFormat,
  );
}

/** The bytes of a picture at another size and in another format. */
export function referenceConversion(
  picture: Picture,
  options: ImageToTensorOptions & { readonly pixelFormat: PixelFormat },
): Uint8Array {
  const { pixelFormat, crop, fit, background } = options;
  const part = crop ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  const { width = Math.round(part.width), height = Math.round(part.height) } = options;
  const placed = {
    crop: part,
    width,
    height,
    ...(fit && { fit }),
    ...(background && { background }),
  };
  const numbers = referenceNumbers(picture, {
    ...placed,
    layout: "hwc",
    channels: 4,
    range: "0-255",
  });
  const data = Uint8Array.from(numbers, (number) => Math.floor(number + 0.5));
  const { color } = picture;
  return convertPicture(
    { pixelFormat: "rgba", data, width, height, ...(color && { color }) },
    pixelFormat,
  );
}

/** The numbers of a tensor in CPU memory. */
export function numbersOf(tensor: Pick<Tensor, "type" | "data">): ArrayLike<number> {
  const { data } = tensor;
  if (tensor.type !== "float16" || !(data instanceof Uint16Array)) return data as Float32Array;
  return new Float16Array(data.buffer, data.byteOffset, data.length);
}

function pixelsOf(picture: Picture): PixelAt {
  const rgba = convertPicture(picture, "rgba");
  return (x, y) => [...rgba.subarray((y * picture.width + x) * 4, (y * picture.width + x) * 4 + 4)];
}

function toNumber(pixel: number, range: TensorRange, channel: number): number {
  if (range === "0-255") return pixel;
  if (range === "0-1") return pixel / 255;
  if (range === "-1-1") return pixel / 255 * 2 - 1;
  return (pixel / 255 - (range.mean[channel] ?? 0)) / (range.std[channel] ?? 1);
}

function toPixel(number: number, range: TensorRange, channel: number): number {
  if (range === "0-255") return number;
  if (range === "0-1") return number * 255;
  if (range === "-1-1") return (number + 1) / 2 * 255;
  return (number * (range.std[channel] ?? 1) + (range.mean[channel] ?? 0)) * 255;
}

function inOrder(
  layout: string,
  { width, height, channels }: Size & { readonly channels: number },
  numberAt: (x: number, y: number, channel: number) => number,
): number[] {
  const numbers: number[] = [];
  const isPlanar = layout === "nchw" || layout === "chw";
  for (let plane = 0; plane < (isPlanar ? channels : 1); plane++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (isPlanar) numbers.push(numberAt(x, y, plane));
        else for (let c = 0; c < channels; c++) numbers.push(numberAt(x, y, c));
      }
    }
  }
  return numbers;
}

interface PixelPlacement {
  readonly crop: Rect;
  readonly target: Size;
  readonly fit: Fit;
  readonly background: Pixel;
}

/** The pixels of the target: bilinear in the source, where the fit lays it. */
function placePixels(pixelAt: PixelAt, source: Size, placement: PixelPlacement): PixelAt {
  const { crop, target, fit, background } = placement;
  const [byWidth, byHeight] = [target.width / crop.width, target.height / crop.height];
  const smaller = Math.min(byWidth, byHeight);
  const scale = fit === "cover"
    ? Math.max(byWidth, byHeight)
    : fit === "pad"
    ? Math.min(1, smaller)
    : smaller;
  const isInset = fit === "letterbox" || fit === "pad";
  const axis = (start: number, length: number, room: number, limit: number) => {
    const filled = isInset ? Math.min(room, Math.max(1, Math.round(length * scale))) : room;
    const before = Math.floor((room - filled) / 2);
    const shown = fit === "cover" ? room / scale : length;
    const from = start + (length - shown) / 2;
    const [first, last] = [Math.floor(from), Math.min(limit, Math.ceil(from + shown - 1e-9)) - 1];
    return (at: number): readonly [number, number][] => {
      if (at < before || at >= before + filled) return [];
      const position = from + (at - before + 0.5) * shown / filled - 0.5;
      const low = Math.floor(position);
      const within = (place: number): number => Math.min(last, Math.max(first, place));
      return [[within(low), 1 - (position - low)], [within(low + 1), position - low]];
    };
  };
  const columns = axis(crop.x, crop.width, target.width, source.width);
  const rows = axis(crop.y, crop.height, target.height, source.height);
  return (x, y) => {
    const sum = [0, 0, 0, 0];
    const [across, down] = [columns(x), rows(y)];
    if (across.length === 0 || down.length === 0) return background;
    for (const [column, columnShare] of across) {
      for (const [row, rowShare] of down) {
        const pixel = pixelAt(column, row);
        for (let c = 0; c < 4; c++) sum[c]! += pixel[c]! * columnShare * rowShare;
      }
    }
    return sum;
  };
}

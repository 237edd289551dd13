/**
 * From a tensor, on either device, to the picture that takes a frame's place.
 *
 * @module
 */

import type { Tensor } from "onnxruntime-common";
import {
  type Gpu,
  type GpuPicture,
  type TensorDtype,
  tensorToPicture as gpuPictureOf,
  type TensorToPictureOptions,
} from "../../gpu/mod.ts";
import type { Picture } from "../../media/picture.ts";
import type { ColorInfo, PixelFormat } from "../../media/types.ts";
import { imageFromTensor } from "../convert/image_tensor.ts";
import { describeTensor, parseImageShape, tensorToPicture } from "../convert/tensor.ts";

/** How `replaceTensor()` reads a tensor; what is absent follows from its type and shape. */
export type ReplaceTensorOptions =
  & Omit<TensorToPictureOptions, "pixelFormat" | "color" | "encoder">
  & {
    /** Layout of the new frame. @default "rgb24", "rgba" or "i420" by channels and memory */
    readonly pixelFormat?: PixelFormat;
  };

/** The picture in a tensor in CPU memory. Throws a `TypeError` for what holds none. */
export function tensorPicture(
  tensor: Tensor,
  color: ColorInfo,
  options: ReplaceTensorOptions,
): Picture {
  if (Object.values(options).every((value) => value === undefined)) {
    return tensorToPicture(tensor, color);
  }
  const channels = options.channels ?? parseImageShape(tensor?.dims ?? [])?.channels;
  const pixelFormat = options.pixelFormat ??
    (channels === 1 ? "i420" : channels === 4 ? "rgba" : "rgb24");
  return imageFromTensor(tensor, { ...options, color, pixelFormat });
}

/** The picture in a tensor in GPU memory, in a buffer of the pool. */
export function gpuTensorToPicture(
  gpu: Gpu,
  tensor: Tensor,
  options: ReplaceTensorOptions & { readonly color: ColorInfo },
): GpuPicture {
  gpu.assertUsable();
  const dtype = tensor.type;
  if (!isPictureType(dtype)) {
    throw new TypeError(
      `Cannot make a picture of ${describeTensor(tensor)}: give uint8, float32 or float16`,
    );
  }
  const channels = options.channels ?? parseImageShape(tensor.dims)?.channels;
  return gpuPictureOf(gpu, { buffer: tensor.gpuBuffer as GPUBuffer, dtype, dims: tensor.dims }, {
    ...options,
    pixelFormat: options.pixelFormat ?? (channels === 1 ? "i420" : "rgba"),
  });
}

function isPictureType(type: Tensor["type"]): type is TensorDtype {
  return type === "uint8" || type === "float32" || type === "float16";
}

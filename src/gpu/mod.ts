/**
 * The GPU: one shared WebGPU device, pools of its buffers, conversion between pictures and tensors,
 * shaders on pictures. Bytes and buffers come in and out; this room does not know frames.
 *
 * @module
 */

export type { GpuInfo } from "./device/adapter.ts";
export { GpuBufferPool, type GpuPoolOptions, type GpuPoolStats } from "./device/buffer_pool.ts";
export { drawRects } from "./draw/draw_rects.ts";
export { type GpuMeasurement, measureGpu, type MeasureOptions } from "./convert/measure.ts";
export { type GpuMemory, gpuMemory, type GpuMemoryOptions } from "./device/memory.ts";
export type { GpuPicture, GpuTensor } from "./convert/gpu_picture.ts";
export { Gpu, type GpuOptions, type GpuStats } from "./device/gpu.ts";
export {
  PixelShader,
  type PixelShaderOptions,
  type PixelShaderRun,
} from "./shader/pixel_shader.ts";
export { type ReadbackOptions, ReadbackRing, type ReadbackStats } from "./device/readback_ring.ts";
export {
  checkShaderParams,
  defaultShaderValues,
  readShaderValues,
  type ShaderParam,
  type ShaderParams,
  type ShaderValues,
} from "./shader/shader_params.ts";
export type { SelfTestResult } from "./device/self_test.ts";
export { currentGpu, SharedGpu, sharedGpu, type SharedGpuSettings } from "./device/shared_gpu.ts";
export { explainNoAdapter, nvidiaAdvice, vulkanAdvice } from "./device/vulkan_advice.ts";
export {
  type NvidiaFindings,
  type ProbedSystem,
  probeVulkan,
  type VulkanFindings,
} from "./device/vulkan_probe.ts";
export {
  type ConversionOptions,
  convertPicture,
  type ConvertPictureOptions,
  type FitOptions,
  type GpuImageToTensorOptions,
  imageFromTensor,
  type ImageFromTensorOptions,
  imageToTensor,
  type ImageToTensorOptions,
  type PicturePlacement,
  placePicture,
} from "./convert/convert.ts";
export { type Fit, type FitMapping, fitMapping, type Point, shownPixels } from "./convert/fit.ts";
export {
  isInterleaved,
  isTensorDtype,
  type ResolvedSpec,
  resolveTensorSpec,
  tensorDims,
  type TensorDtype,
  type TensorLayout,
  type TensorRange,
  type TensorSpec,
} from "./convert/tensor_spec.ts";
export {
  type Dim,
  type DimsHints,
  type ImageDims,
  imageDimsOf,
  notAnImage,
  parseImageDims,
} from "./convert/image_dims.ts";
export { wgsl } from "./shader/wgsl.ts";
export type { FilledRect, Rect, Size } from "../media/rect.ts";
